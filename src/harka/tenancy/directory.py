"""Keeps the process's snapshot of the catalog up to date; whoever reads `current` never waits.

Every change in the catalog notifies the tenant's id. One task reads those tenants again and swaps the
snapshot; notifications that come meanwhile are taken together. After a reconnection, and every 30 s in case
one was lost, everything is read again, in pages, so that the event loop is never held for long. While the
catalog is down the last snapshot keeps serving.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Never, Protocol, TypeVar
from uuid import UUID

from harka import clock, logs
from harka.config import Settings
from harka.errors import DeadlineExceededError, UnavailableError
from harka.repositories import api_key, domain, organization, scim_token, signing_key
from harka.storage.catalog import Catalog
from harka.storage.listen import listen
from harka.storage.location import listen_url
from harka.tenancy.entitlement import features_for
from harka.tenancy.snapshot import Snapshot, TenantRecord

__all__ = ["CHANNEL", "Directory", "Snapshot"]

CHANNEL: Final = "harka_directory"
SAFETY_PERIOD: Final = 30.0
"""Seconds between complete readings."""
_PAGE: Final = 500
_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 5.0
# after a refresh the task rests nine times as long as it took: refreshing costs at most a tenth of a core,
# within bounds that keep a change visible within a second
_REST_RATIO: Final = 9.0
_SHORTEST_REST: Final = 0.02
_LONGEST_REST: Final = 0.4

log = logs.logger("directory")


class _OfTenant(Protocol):
    @property
    def tenant_id(self) -> UUID: ...


T = TypeVar("T", bound=_OfTenant)


class Directory:
    """`run` is to be kept running as one task of the process; `refresh`, `reread` may be called by anyone."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog = catalog
        self._settings = settings
        self._current = Snapshot.empty(settings.platform_domain)
        self._reading = asyncio.Lock()
        self._swapped = asyncio.Event()
        self._changed: set[UUID] = set()
        self._everything = True
        self._wake = asyncio.Event()
        self._read_at: float | None = None

    @property
    def current(self) -> Snapshot:
        return self._current

    @property
    def age(self) -> float | None:
        """Seconds since everything was last read; None when it never was."""
        return None if self._read_at is None else clock.monotonic() - self._read_at

    def timezone_of(self, tenant: UUID) -> str:
        """Of an organization; UTC for one that is gone."""
        organization = self._current.organization(tenant)
        return "UTC" if organization is None else organization.timezone

    async def refresh(self) -> None:
        """Read the whole catalog again. Raise `UnavailableError` when it is down; the snapshot then stays."""
        async with self._reading:
            self._everything = False
            try:
                changes = await self._read_everything()
            except BaseException:
                self._everything = True
                raise
            self._swap(changes)
            self._read_at = clock.monotonic()

    async def reread(self, *tenants: UUID) -> None:
        """Read these organizations again, though nobody told of a change. Raise like `refresh`."""
        async with self._reading:
            self._swap(await self._read(tenants))

    async def run(self) -> Never:
        """Follow the catalog until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(listen_url(self._settings), CHANNEL, self._notified, self._connected))
            await self._follow()

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait for the first snapshot for which `holds` is true."""
        while not holds(self._current):
            await self._swapped.wait()
        return self._current

    async def _notified(self, payload: str) -> None:
        try:
            self._changed.add(UUID(payload))
        except ValueError:
            self._everything = True
        self._wake.set()

    async def _connected(self) -> None:
        """Whatever happened while nobody listened is unknown."""
        self._everything = True
        self._wake.set()

    async def _follow(self) -> Never:
        retry = _FIRST_RETRY
        while True:
            await self._woken()
            began = clock.monotonic()
            try:
                await self._catch_up()
            # whatever it is: one odd row must not end the following for ever
            except Exception as error:
                expected = isinstance(error, UnavailableError | DeadlineExceededError)
                log.warning("catalog not read", retry_in=retry, exc_info=None if expected else error)
                await asyncio.sleep(retry)
                retry = min(2 * retry, _LAST_RETRY)
                self._wake.set()
                continue
            retry = _FIRST_RETRY
            await asyncio.sleep(
                min(max(_SHORTEST_REST, _REST_RATIO * (clock.monotonic() - began)), _LONGEST_REST)
            )

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(SAFETY_PERIOD):
                await self._wake.wait()
        except TimeoutError:
            self._everything = True
        self._wake.clear()

    async def _catch_up(self) -> None:
        if self._everything:
            self._changed.clear()
            await self.refresh()
            return
        async with self._reading:
            changed, self._changed = self._changed, set()
            if not changed:
                return
            try:
                self._swap(await self._read(list(changed)))
            except BaseException:
                self._changed |= changed
                raise

    async def _read_everything(self) -> dict[UUID, TenantRecord | None]:
        changes: dict[UUID, TenantRecord | None] = {}
        unseen = set(self._current.records)
        after = None
        while ids := await organization.list_ids(self._catalog, after=after, first=_PAGE):
            changes.update(await self._read(ids))
            unseen.difference_update(ids)
            after = ids[-1]
        return changes | dict.fromkeys(unseen)

    async def _read(self, ids: Sequence[UUID]) -> dict[UUID, TenantRecord | None]:
        """Read these organizations, keep what differs from the snapshot; None for one that is gone."""
        found = await organization.find_by_ids(self._catalog, ids)
        domains = _by_tenant(await domain.list_served(self._catalog, ids))
        keys = _by_tenant(await api_key.list_live(self._catalog, ids))
        signing_keys = _by_tenant(await signing_key.list_live(self._catalog, ids))
        tokens = _by_tenant(await scim_token.list_live(self._catalog, ids))
        records: dict[UUID, TenantRecord | None] = dict.fromkeys(ids)
        for each in found:
            records[each.id] = TenantRecord(
                organization=each,
                # without the feature they stay its own and lead nowhere
                domains=tuple(sorted(item.name for item in domains[each.id]))
                if features_for(each).custom_branding
                else (),
                api_keys=tuple(sorted(keys[each.id], key=lambda key: key.id)),
                signing_keys=tuple(sorted(signing_keys[each.id], key=lambda key: key.kid)),
                scim_tokens=tuple(sorted(tokens[each.id], key=lambda token: token.id)),
            )
        known = self._current.records
        return {id_: record for id_, record in records.items() if record != known.get(id_)}

    def _swap(self, changes: dict[UUID, TenantRecord | None]) -> None:
        before = self._current
        self._current = before.updated(changes)
        if self._current is not before:
            swapped, self._swapped = self._swapped, asyncio.Event()
            swapped.set()


def _by_tenant(rows: Iterable[T]) -> defaultdict[UUID, list[T]]:
    grouped: defaultdict[UUID, list[T]] = defaultdict(list)
    for row in rows:
        grouped[row.tenant_id].append(row)
    return grouped
