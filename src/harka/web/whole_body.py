"""The body of a request, whole before the request takes a place or counts for anything (0050)."""

from starlette.types import Message, Receive

from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import Actor, ActorKind
from harka.web.graphql_request import read_body


async def whole_body(runtime: Runtime, receive: Receive, organization: Organization, actor: Actor) -> bytes:
    """What is still to come of a request, while a bounded number of these is read.

    `receive`: within the request's limit and deadline. Raise `OverloadedError` where there are too many, or
    this one takes long and others come; and like `read_body`.
    """
    async with runtime.bodies.reading(organization.id, is_known=actor.kind != ActorKind.ANONYMOUS):
        return await read_body(receive)


def once_more(body: bytes, receive: Receive) -> Receive:
    """`receive` as if nothing of the body had been read."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return whole.pop() if whole else await receive()

    return given
