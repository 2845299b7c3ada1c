import asyncio
from collections.abc import Callable, Sequence
from typing import Any

class Pipeline(asyncio.Protocol):
    answered: Callable[[], None] | None
    idle: bool
    gathers: bool
    outstanding: int
    def __init__(
        self,
        inner: Any,
        transport: Any,
        raised: Callable[[Any], BaseException],
        later: Callable[[Callable[[], None]], object],
    ) -> None: ...
    def send(
        self,
        messages: bytes,
        future: asyncio.Future[bytes],
        commands: int,
        columns: tuple[int, ...] | None,
        closes: bool,
    ) -> None: ...

def bind(name: bytes, oids: Sequence[int], args: Sequence[Any]) -> bytes: ...
