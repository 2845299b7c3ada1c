"""Keeps the usage gauges of this process's `/metrics` up to date from what workers announce."""

import asyncio
from collections import defaultdict
from typing import Final, Never
from uuid import UUID

import msgspec

from harka import logs
from harka.metrics import Metrics, TenantUsage
from harka.pubsub import PubSub
from harka.queue.message import PLATFORM, USAGE_TOPIC
from harka.tenancy.directory import Directory

REFRESH_PERIOD: Final = 5.0
"""Seconds between settings of the gauges, however many announcements come."""

log = logs.logger("usage")


class _Announcement(msgspec.Struct, frozen=True, rename="camel"):
    tenant: UUID
    active_users: int
    storage_bytes: int


class UsageGauge:
    """The last announced usage of each tenant. A process that has just started knows all after a minute."""

    def __init__(self, metrics: Metrics, directory: Directory) -> None:
        self._metrics = metrics
        self._directory = directory
        self._usages: dict[UUID, TenantUsage] = {}

    async def run(self, pubsub: PubSub, *, period: float = REFRESH_PERIOD) -> Never:
        """Follow announcements until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(pubsub))
            while True:
                self.refresh()
                await asyncio.sleep(period)

    def hear(self, payload: object) -> None:
        """Take one announcement; anything else is ignored."""
        try:
            told = msgspec.convert(payload, _Announcement)
        except msgspec.ValidationError:
            log.warning("unreadable usage announcement")
            return
        organization = self._directory.current.organization(told.tenant)
        if organization is not None:
            self._usages[told.tenant] = TenantUsage(
                told.tenant, organization.plan, told.active_users, told.storage_bytes
            )

    def refresh(self) -> None:
        """Set the gauges: tenants with a label of their own, and the sums of all others by plan.

        Labels that no request has taken yet go to whoever announced first.
        """
        snapshot = self._directory.current
        known = {tenant: usage for tenant, usage in self._usages.items() if snapshot.organization(tenant)}
        self._usages = known
        labelled = self._metrics.labelled(known)
        own: list[TenantUsage] = []
        rest: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for tenant, usage in known.items():
            if tenant in labelled:
                own.append(usage)
            else:
                active, storage = rest[usage.plan]
                rest[usage.plan] = active + usage.active_users, storage + usage.storage
        self._metrics.set_usage(own, other=rest)

    async def _listen(self, pubsub: PubSub) -> None:
        async with pubsub.subscribe(PLATFORM, USAGE_TOPIC) as events:
            async for event in events:
                if not event.resync:
                    self.hear(event.payload)
