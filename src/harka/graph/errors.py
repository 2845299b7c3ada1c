"""From what went wrong to the `errors` of an answer: our failures speak, bugs are masked and logged, once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import GraphQLError, SourceLocation

from harka import logs
from harka.errors import (
    DeadlineExceededError,
    DocumentInvalidError,
    HarkaError,
    InternalError,
    UnavailableError,
    let_go,
)

log = logs.logger("graph")

# graphql-core prints what it refuses, whole, and once for each error
_LONGEST_MESSAGE: Final = 500
_MOST_LOCATIONS: Final = 10

_OUTAGES: Final = (UnavailableError, DeadlineExceededError)

Shown = dict[str, Any]


def show_all(errors: Sequence[GraphQLError], request_id: str) -> list[Shown]:
    """The `errors` of an executed operation. A bug that failed several fields is logged once."""
    logged: set[int] = set()
    shown = []
    for error in errors:
        cause = cause_of(error)
        failure = masked(cause)
        if failure is not cause and id(cause) not in logged:
            logged.add(id(cause))
            path = ".".join(key for key in error.path or () if isinstance(key, str))
            log.error("bug", request_id=request_id, path=path, exc_info=cause)
        shown.append(_entry(error, failure, request_id))
        let_go(error)
        let_go(cause)
    return shown


def show_refusal(errors: Sequence[GraphQLError], refusal: HarkaError, request_id: str) -> list[Shown]:
    """The `errors` of an operation that is not executed: graphql-core's words, the refusal's code."""
    extensions = {**refusal.extensions(), "requestId": request_id}
    shown = []
    for error in errors:
        entry: Shown = {**error.formatted, "message": _clipped(error.message), "extensions": extensions}
        if error.locations:
            entry["locations"] = _places(error.locations)
        shown.append(entry)
        let_go(error)
    let_go(refusal)
    return shown


def show_failure(error: Exception, request_id: str) -> tuple[HarkaError, list[Shown]]:
    """The failure and the `errors` of a request that failed as a whole."""
    failure = masked(error)
    if failure is not error:
        log.error("bug", request_id=request_id, exc_info=error)
    let_go(error)
    extensions = {**failure.extensions(), "requestId": request_id}
    return failure, [{"message": failure.message, "extensions": extensions}]


def outage(errors: Sequence[GraphQLError], data: Mapping[str, Any] | None) -> HarkaError | None:
    """Why no root field has an answer, when nothing but a server behind us or the time is to blame.

    `errors`: one at least.
    """
    first, *others = map(cause_of, errors)
    if not isinstance(first, _OUTAGES) or not all(isinstance(each, _OUTAGES) for each in others):
        return None
    failed = {error.path[0] for error in errors if error.path}
    lost = data is None or (failed == data.keys() and not any(value is not None for value in data.values()))
    return first if lost else None


def cause_of(error: GraphQLError) -> Exception:
    """What was raised where the error began."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def masked(cause: Exception) -> HarkaError:
    """What a client may know of `cause`: our failures as they are, of a bug only that there was one."""
    if (
        isinstance(cause, HarkaError)
        and not isinstance(cause, InternalError)
        and cause.code != InternalError.code
    ):
        return cause
    # graphql-core points to the argument of a value that the client gave; a value that we gave has no place
    if isinstance(cause, GraphQLError) and cause.nodes:
        return DocumentInvalidError(cause.message)
    return InternalError()


def _entry(error: GraphQLError, failure: HarkaError, request_id: str) -> Shown:
    entry: Shown = {"message": _clipped(failure.message)}
    if error.locations:
        entry["locations"] = _places(error.locations)
    if error.path is not None:
        entry["path"] = error.path
    entry["extensions"] = {**failure.extensions(), "requestId": request_id}
    return entry


def _clipped(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} …"


def _places(locations: Sequence[SourceLocation]) -> list[Any]:
    return [location.formatted for location in locations[:_MOST_LOCATIONS]]
