"""Connections on which somebody was refused: the doorman reads them, and the loop what he passes on.

He knows what `Callers` have learnt, for as long as they know it themselves.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from uvicorn.server import ServerState

from harka import doorman, logs
from harka.tenancy.gate import Gate
from harka.tenancy.line import Flow, Rank
from harka.web.callers import BEGINNING, END, Caller
from harka.web.whole_request import OWN_LINES

if TYPE_CHECKING:
    from harka._doorman import Doorman

log = logs.logger("web")


class Guest(Protocol):
    """The protocol of a connection."""

    transport: asyncio.Transport
    client: tuple[str, int] | None
    server_state: ServerState

    def hand(self, data: bytes, *, is_last: bool) -> None:
        """What was read; nothing where the client has closed. `is_last`: the loop reads from here on."""


class Sign:
    """What the doorman goes by, of one organization's requests of one rank."""

    __slots__ = ("_doorman", "flow", "number", "show")

    def __init__(self, doorman: "Doorman", number: int, flow: Flow) -> None:
        self._doorman, self.number, self.flow = doorman, number, flow
        # called for each request of a flood
        self.show = partial(doorman.show, number)

    def refused(self) -> int:
        """Since it was asked last."""
        return self._doorman.refused(self.number)


class Seat:
    """Of one connection, while its socket is the doorman's to read."""

    __slots__ = ("_doorman", "_guests", "_number", "_transport")

    def __init__(
        self, doorman: "Doorman", guests: dict[int, Guest], number: int, transport: asyncio.Transport
    ) -> None:
        self._doorman, self._guests, self._number = doorman, guests, number
        self._transport = transport

    def rest(self) -> None:
        """Nothing is under way on the connection; where something is unsent, something is."""
        if not self._transport.get_write_buffer_size():
            self._doorman.rest(self._number)

    def refused_at(self) -> float:
        """By the doorman, in monotonic seconds; 0.0 for never."""
        return self._doorman.refused_at(self._number)

    def give_up(self) -> bool:
        """Whether the socket is the loop's again: if not, it is with what the doorman hands over next."""
        given_up = self._doorman.give_up(self._number)
        if given_up:
            del self._guests[self._number]
        return given_up

    def clear(self) -> None:
        """The connection is lost: its socket is closed next."""
        self._doorman.clear(self._number)
        del self._guests[self._number]


class Doorway:
    """Of one process. The doorman comes with the first who is refused."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._doorman: Doorman | None = None
        self._is_open = doorman.COMPILED
        self._guests: dict[int, Guest] = {}
        self._known: set[Caller] = set()
        self._signs: dict[tuple[UUID, Rank], Sign] = {}
        self._lines = b""
        self._server_state: ServerState | None = None

    @property
    def is_watched(self) -> bool:
        """Whether the doorman knows anybody."""
        return bool(self._signs)

    def seat(self, guest: Guest, caller: Caller, head: bytes) -> Seat | None:
        """For who is refused just now with this head, if the doorman can do it the next time."""
        transport = guest.transport
        socket = transport.get_extra_info("socket")
        if not self._is_open or socket is None or transport.get_extra_info("sslcontext") is not None:
            return None
        doorman = self._doorman or self._hire()
        if doorman is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        self._server_state = guest.server_state
        address = guest.client[0].encode() if guest.client else b""
        if not self.tell_lines() or not self._knows(doorman, caller, head, address):
            return None
        transport.pause_reading()
        number = doorman.seat(socket.fileno(), address)
        if number is None:
            transport.resume_reading()
            return None
        self._guests[number] = guest
        return Seat(doorman, self._guests, number, transport)

    def put_right(self, caller: Caller) -> None:
        """Their sign, if they have one: for them there was no room."""
        sign = self._signs.get((caller.organization.id, caller.rank))
        if sign is not None:
            self._hang(sign, caller)

    def tell_lines(self) -> bool:
        """The server's own headers, of which one is the time. Whether there is room for them."""
        if self._doorman is None or self._server_state is None:
            return False
        lines = OWN_LINES.of(self._server_state.default_headers)
        if lines is not self._lines:
            if not self._doorman.tell_lines(lines):
                return False
            self._lines = lines
        return True

    def refused(self) -> Iterator[tuple[UUID, int]]:
        """By the doorman since this was asked last, of each organization."""
        for (tenant, _), sign in self._signs.items():
            number = sign.refused()
            if number:
                yield tenant, number

    def forget(self) -> list[tuple[UUID, int]]:
        """Whom the doorman knows; nobody is refused by him until the loop has done it again. As `refused`."""
        if self._doorman is not None:
            self._doorman.forget()
        # not before: he refuses meanwhile
        refused = list(self.refused())
        for (_, rank), sign in self._signs.items():
            sign.flow.signs.pop(rank, None)
        self._signs.clear()
        self._known.clear()
        return refused

    def close(self) -> list[tuple[UUID, int]]:
        """Of connections that are still open the loop reads what comes, as of all others. As `refused`."""
        self._is_open = False
        refused = self.forget()
        doorman, self._doorman = self._doorman, None
        if doorman is not None:
            asyncio.get_running_loop().remove_reader(doorman.bell)
            doorman.stop()
            self._read(doorman)
            guests = list(self._guests.values())
            self._guests.clear()
            for guest in guests:
                guest.hand(b"", is_last=True)
        return refused

    def _hire(self) -> "Doorman | None":
        try:
            self._doorman = doorman.hired(BEGINNING, END)
        except (OSError, RuntimeError, MemoryError) as error:
            self._is_open = False
            log.exception("no doorman: the loop refuses by itself", exc_info=error)
            return None
        asyncio.get_running_loop().add_reader(self._doorman.bell, self._read, self._doorman)
        return self._doorman

    def _knows(self, doorman: "Doorman", caller: Caller, head: bytes, address: bytes) -> bool:
        if caller.id is not None:
            # each of their heads is another
            return False
        if caller in self._known:
            return True
        sign = self._signs.get((caller.organization.id, caller.rank))
        if sign is None:
            number = doorman.hang()
            if number is None:
                return False
            sign = Sign(doorman, number, self._gate.flow(caller.organization))
            self._signs[caller.organization.id, caller.rank] = sign
            self._hang(sign, caller)
        learnt = doorman.learn(head, address, caller.length, sign.number, caller.before, caller.after)
        if learnt:
            self._known.add(caller)
        return learnt

    def _hang(self, sign: Sign, caller: Caller) -> None:
        """Where it shows what becomes of their line, which is another one once they were idle."""
        flow = self._gate.flow(caller.organization)
        if sign.flow is not flow:
            sign.flow.signs.pop(caller.rank, None)
            sign.flow = flow
        flow.signs[caller.rank] = sign
        sign.show(self._gate.room(flow, caller.rank))

    def _read(self, doorman: "Doorman") -> None:
        doorman.answer_bell()
        while (passed := doorman.next()) is not None:
            number, data, is_last, is_unsent = passed
            guest = self._guests.pop(number) if is_last else self._guests[number]
            try:
                if is_unsent:
                    guest.transport.write(data)
                guest.hand(b"" if is_unsent else data, is_last=is_last)
            except Exception as error:
                # it is in the way of others, who come behind it
                guest.transport.abort()
                log.exception("a connection failed", exc_info=error)
