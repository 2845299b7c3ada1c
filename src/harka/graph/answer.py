"""What an operation comes to, and a subscription's one after the other."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import msgspec
from graphql import ExecutionResult

from harka.codec import json_bytes
from harka.errors import HarkaError
from harka.graph.caching import Policy
from harka.graph.context import RequestContext
from harka.graph.cost import objects_in
from harka.graph.document import RefusedError
from harka.graph.errors import outage, show_all, show_failure, show_refusal
from harka.graph.subscriptions.event import Notice, Notices
from harka.tenancy.context import TenantContext


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation comes to.

    `body`: what goes to the client. `failure`: why nothing was executed, or nothing kept; None otherwise.
    `outage`: what failed every field of it, when that was a server behind us or the time. `statements`:
    repository statements sent. `replayed`: it was given before, and nothing was done this time.
    `objects`: how many there are in the data. `policy`: for how long it may be kept, None for not at all;
    `age`: seconds since it was executed.
    """

    body: dict[str, Any]
    failure: HarkaError | None = None
    outage: HarkaError | None = None
    statements: int = 0
    replayed: bool = False
    objects: int = 0
    policy: Policy | None = None
    age: int = 0

    @property
    def code(self) -> str:
        """Of the first error; empty without one."""
        errors = self.body.get("errors")
        return str(errors[0]["extensions"]["code"]) if errors else ""

    def json(self) -> bytes:
        """What goes over the wire."""
        return json_bytes(self.body)


UNTOLD: Final = Answer(body={})  # of an event that is not the listener's to hear, who listens on


class Answers:
    """The answers to a subscription. Whoever gets it closes it.

    `interrupted`: the events ended because the process is stopping, the client should ask elsewhere.
    """

    def __init__(self, notices: Notices, answer: Callable[[Notice], Awaitable[Answer | None]]) -> None:
        self._notices = notices
        self._answer = answer
        self._ended = False
        self.interrupted = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        while not self._ended:
            notice = await anext(self._notices, None)
            self.interrupted = notice is None
            answer = None if notice is None else await self._answer(notice)
            if answer is not None and answer is not UNTOLD:
                self._ended = answer.failure is not None
                return answer
            self._ended = answer is None
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._notices.aclose()


def failed(error: Exception, request_id: str) -> Answer:
    """The answer when an operation failed as a whole; a bug is logged."""
    failure, errors = show_failure(error, request_id)
    return Answer(body={"errors": errors}, failure=failure)


def refused(error: RefusedError, tenant: TenantContext) -> Answer:
    errors = show_refusal(error.errors, error.cause, tenant.request_id)
    return Answer(body={"errors": errors}, failure=error.cause)


def shown(result: ExecutionResult, context: RequestContext) -> Answer:
    statements, objects = context.work.session.statements, objects_in(result.data)
    if not result.errors:
        return Answer(body={"data": result.data}, statements=statements, objects=objects)
    body = {"errors": show_all(result.errors, context.request_id), "data": result.data}
    lost = outage(result.errors, result.data)
    return Answer(body=body, outage=lost, statements=statements, objects=objects)
