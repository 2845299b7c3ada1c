"""Mutations of one request share its transaction; one that is refused undoes itself and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension


class Atomic(FieldExtension):
    """Around every mutation: forget what was loaded before, run in a savepoint where there are several."""

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Any, **kwargs: Any
    ) -> Any:
        context = info.context
        context.loaders.clear()
        if context.savepoints:
            async with context.work.savepoint():
                payload = await next_(source, info, **kwargs)
        else:
            payload = await next_(source, info, **kwargs)
        context.outcome.done = True
        return payload
