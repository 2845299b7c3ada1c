"""What is written to a socket, as it is written."""

from typing import Any, Self

from harka.storage.transport import HoldingTransport
from harka.storage.wire import Wire
from waiting import until

SYNC = b"S\0\0\0\x04"
"""Ends what is asked in one round trip."""


async def written(seen: "Writes", count: int = 1) -> None:
    """Until so much has been written."""

    async def is_so() -> bool:
        return len(seen.found) >= count

    await until(is_so)


class Writes:
    """Stands between a `HoldingTransport` and asyncio's. `found`: each call of `write`, in order."""

    def __init__(self, transport: Any) -> None:
        self.found: list[bytes] = []
        self._transport = transport

    @classmethod
    def of(cls, wire: Wire) -> Self:
        """From now on everything that is written to this connection."""
        transport = wire.connection._transport
        assert isinstance(transport, HoldingTransport)
        made = cls(transport._transport)
        transport._transport = made  # type: ignore[misc]  # a test looks on
        return made

    def write(self, data: Any) -> None:
        self.found.append(bytes(data))
        if self._transport is not None:
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
