"""Mutations of one request share its transaction; one that is refused undoes itself and nothing else.

What the user can mend is told in the payload, which then holds nothing else (`payload.py` declares it); what
they cannot (no permission, an outage, a bug) is an entry in the answer's own `errors`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from strawberry.extensions import FieldExtension

from harka.errors import (
    AssignmentRequiredError,
    AttemptExpiredError,
    ConflictError,
    ContrastError,
    CourseFullError,
    CursorExpiredError,
    FeatureNotInPlanError,
    HarkaError,
    InvalidIdError,
    LessonLockedError,
    NoAttemptLeftError,
    NotFoundError,
    PlanLimitError,
    QueueLimitError,
    QuizRequiredError,
    ValidationError,
)
from harka.tenancy.plan import Resource

MENDABLE: Final = (
    ValidationError,
    ContrastError,
    InvalidIdError,
    CursorExpiredError,
    NotFoundError,
    ConflictError,
    CourseFullError,
    LessonLockedError,
    QuizRequiredError,
    AssignmentRequiredError,
    NoAttemptLeftError,
    AttemptExpiredError,
    PlanLimitError,
    FeatureNotInPlanError,
    QueueLimitError,
)


class Reached(msgspec.Struct, frozen=True):
    """A limit of the plan. `limit`, `used`: in the unit of the resource."""

    resource: Resource
    limit: int
    used: int


class Refusal(msgspec.Struct, frozen=True):
    """`field`: of the input; None where it is no single one. `limit`: None where it is not the plan's."""

    code: str
    message: str
    field: str | None
    limit: Reached | None


class Told:
    """What a mutation did, or why it was refused: then everything else is None."""

    __slots__ = ("_done", "client_mutation_id", "errors")

    def __init__(
        self, done: object, client_mutation_id: str | None, errors: tuple[Refusal, ...] = ()
    ) -> None:
        """`done`: a struct with what else the payload has."""
        self._done = done
        self.client_mutation_id = client_mutation_id
        self.errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._done, name) if self._done is not None else None


class Atomic(FieldExtension):
    """Around every mutation: forget what was loaded before, run in a savepoint where there are several."""

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Any, **kwargs: Any
    ) -> Told:
        context, client_mutation_id = info.context, kwargs["given"].client_mutation_id
        context.loaders.clear()
        try:
            if context.savepoints:
                async with context.work.savepoint():
                    done = await next_(source, info, **kwargs)
            else:
                done = await next_(source, info, **kwargs)
        except MENDABLE as error:
            return Told(None, client_mutation_id, (refusal(error),))
        context.outcome.done = True
        return Told(done, client_mutation_id)


def refusal(error: HarkaError) -> Refusal:
    """Of one of `MENDABLE`."""
    return Refusal(error.code, error.message, error.field, _reached(error))


def _reached(error: HarkaError) -> Reached | None:
    if not isinstance(error, PlanLimitError) or error.resource is None:
        return None
    return Reached(Resource(error.resource), error.limit, error.used)
