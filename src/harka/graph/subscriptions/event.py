"""What a subscription's source yields: ids, and who may be told."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Self

import msgspec

from harka.graph.context import RequestContext
from harka.pubsub import Event


class Notice(msgspec.Struct, frozen=True):
    """One event for one listener. It is resolved in a context of its own, read and authorized afresh."""

    @abstractmethod
    async def is_visible(self, context: RequestContext) -> bool:
        """Whether the listener may still be told. Raise `ForbiddenError` to say that they may not."""

    async def concerns(self, context: RequestContext) -> bool:  # noqa: ARG002 - for those that look
        """Whether it tells of somebody whom the listener sees; otherwise they wait for the next."""
        return True


class Notices:
    """The events of one topic as notices. Closing it leaves the topic, also when nothing was ever read."""

    def __init__(
        self, stack: AsyncExitStack, events: AsyncIterator[Event], read: Callable[[Event], Notice]
    ) -> None:
        self._stack = stack
        self._events = events
        self._read = read

    @classmethod
    async def of_topic(cls, context: RequestContext, topic: str, read: Callable[[Event], Notice]) -> Self:
        """Listen from now on. `read` makes a notice of an event."""
        stack = AsyncExitStack()
        events = await stack.enter_async_context(context.runtime.pubsub.subscribe(context.tenant.id, topic))
        return cls(stack, events, read)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        return self._read(await anext(self._events))

    async def aclose(self) -> None:
        await self._stack.aclose()
