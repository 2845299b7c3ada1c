"""Whoever listens is looked at again, and sent away when they may not listen any more.

Each event of a subscription is told only to who may hear it then, but on a connection on which nothing
happens nobody is asked. Here all that are open are looked at, every few seconds: their credentials in memory,
the users behind them with one statement for each organization.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Never
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.principal import Credential
from harka.errors import HarkaError
from harka.repositories import session as sessions
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.scope import Scope
from harka.repositories.user import UserStatus
from harka.runtime import Runtime
from harka.storage.session import open_session
from harka.tenancy.resolution import Headers
from harka.web.middleware.request_scope import RequestScope
from harka.web.middleware.tenant_door import verify

PERIOD: Final = 2.0
"""Seconds between two looks. A revocation is to end a socket within 5."""
_PATIENCE: Final = 2.0
_TROUBLE_OF_OURS: Final = 500


class _Listener(msgspec.Struct, frozen=True, eq=False):
    request: RequestScope
    headers: Headers
    dismiss: Callable[[], None]


class Listeners:
    """The open sockets and streams of a process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: set[_Listener] = set()

    @contextmanager
    def listening(
        self, request: RequestScope, headers: Headers, dismiss: Callable[[], None]
    ) -> Iterator[None]:
        """Call `dismiss`, perhaps more than once, when these headers would not be let in any more."""
        listener = _Listener(request, headers, dismiss)
        self._open.add(listener)
        try:
            yield
        finally:
            self._open.discard(listener)

    async def run(self, *, period: float = PERIOD) -> Never:
        """Look at all of them, again and again, until cancelled."""
        while True:
            await asyncio.sleep(period)
            await self.look()

    async def look(self) -> None:
        """Where a server behind us fails, nobody is sent away."""
        people: defaultdict[UUID, list[tuple[_Listener, Credential]]] = defaultdict(list)
        now = clock.now()
        for listener in list(self._open):
            try:
                credential = verify(self._runtime, listener.request, listener.headers, now)
            except HarkaError as error:
                if error.status < _TROUBLE_OF_OURS:
                    listener.dismiss()
                continue
            if credential.user is not None:
                people[credential.organization.id].append((listener, credential))
        for of_one in people.values():
            try:
                welcome = await self._welcome(of_one[0][1].organization, [shown for _, shown in of_one])
            except HarkaError:
                continue
            for listener, shown in of_one:
                if not welcome(shown):
                    listener.dismiss()

    async def _welcome(
        self, organization: Organization, shown: list[Credential]
    ) -> Callable[[Credential], bool]:
        """Who is active and signed in still, by one statement for people and one for sessions."""
        asked = [each.user for each in shown if each.user is not None]
        signed_in = [each.session.id for each in shown if each.session is not None]
        session = open_session(
            self._runtime.databases,
            organization.location,
            organization.id,
            read_only=True,
            timeout=_PATIENCE,
            single=True,
        )
        try:
            found = await users.statuses(session, Scope(everything=True), list(set(asked)))
            live = await sessions.live(session, list(set(signed_in))) if signed_in else set()
            await session.commit()
        finally:
            await session.rollback()
        return lambda each: (
            found.get(each.user or UUID(int=0)) == UserStatus.ACTIVE
            and (each.session is None or each.session.id in live)
        )


def expire(limit: asyncio.Timeout) -> None:
    """Let a limit that may be far off, or none, end now; one that has ended stays so."""
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())
