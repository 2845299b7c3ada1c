"""Prometheus metrics of one process, in a registry of their own; the only room that knows prometheus_client.

Tenant labels are bounded (5,000 tenants as labels cost 5.5 s a scrape): the busiest K tenants have a label of
their own, everyone else shares `other`. A tenant that loses its label loses its series, which Prometheus
marks stale; its further requests count under `other`, so `sum(rate(…))` over all tenants stays true.
"""

import enum
import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

# a second series for each counter and histogram, of when it was made, which nobody asks for
disable_created_metrics()  # type: ignore[no-untyped-call] # the library does not annotate it

Read = Callable[[], Mapping[str, float]]
Family = GaugeMetricFamily | CounterMetricFamily

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
OTHER: Final = "other"
_ELECTION_HITS: Final = 4096
_SLOTS_A_LABEL: Final = 4
_INCUMBENT_BONUS: Final = 2
_ENDPOINTS_A_TENANT: Final = 16
_OPERATION: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JOB_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class JobOutcome(enum.StrEnum):
    """Of one attempt. `LOST`: the job is no longer this worker's, another does it or will."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    LOST = "lost"


class TenantUsage(msgspec.Struct, frozen=True):
    """The latest usage rollup of one tenant; `storage` in bytes."""

    tenant: UUID
    plan: str
    active_users: int
    storage: int


class Metrics:
    def __init__(self, *, tenants: int) -> None:
        """`tenants`: how many have a label of their own."""
        self.registry = CollectorRegistry()
        self._busiest = Busiest(tenants)
        self._series: dict[UUID, dict[tuple[str, str], Counter]] = {}
        self._requests = Counter(
            "tenant_api_requests",
            "API requests by tenant, operation name and HTTP status.",
            ("tenant_id", "endpoint", "status"),
            registry=self.registry,
        )
        self._active_users = Gauge(
            "tenant_active_users",
            "Active users, latest rollup.",
            ("tenant_id", "plan"),
            registry=self.registry,
        )
        self._storage = Gauge(
            "tenant_storage_bytes", "Bytes stored, latest rollup.", ("tenant_id",), registry=self.registry
        )
        self._latencies: dict[str, Histogram] = {}
        self._latency = Histogram(
            "http_request_duration_seconds",
            "From the head of the request to the end of the answer.",
            ("route",),
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._jobs = Counter(
            "harka_jobs",
            "Attempts at jobs, by what became of them.",
            ("type", "outcome"),
            registry=self.registry,
        )
        self._job_seconds = Histogram(
            "harka_job_seconds",
            "From the claim of a job to the end of the attempt.",
            ("type",),
            buckets=_JOB_BUCKETS,
            registry=self.registry,
        )
        self._job_types: frozenset[str] = frozenset()

    def observe_request(
        self, *, tenant: UUID | None, operation: str, route: str, status: int, seconds: float
    ) -> None:
        """Count one answered request.

        `operation`: empty for callers nobody knows, who must not choose labels. `route`: from a fixed set.
        """
        if route not in self._latencies:
            self._latencies[route] = self._latency.labels(route)
        self._latencies[route].observe(seconds)
        if tenant is not None:
            self._count(tenant, operation, str(status))

    def expect_jobs(self, types: Iterable[str]) -> None:
        """Give these, and no others, a label.

        They show at once: the first dead job is then a rise from zero, which an alert can see.
        """
        self._job_types |= frozenset(types)
        for type_ in self._job_types:
            self._job_seconds.labels(type_)
            for outcome in JobOutcome:
                self._jobs.labels(type_, outcome)

    def observe_job(self, type_: str, outcome: JobOutcome, *, seconds: float | None) -> None:
        """Count one attempt. `seconds`: None when it was never run to an end."""
        label = type_ if type_ in self._job_types else OTHER
        self._jobs.labels(label, outcome).inc()
        if seconds is not None:
            self._job_seconds.labels(label).observe(seconds)

    def set_usage(self, usages: Iterable[TenantUsage], *, other: Mapping[str, tuple[int, int]]) -> None:
        """Replace the usage gauges. `other`: (active users, storage bytes) by plan of the rest."""
        self._active_users.clear()
        self._storage.clear()
        for usage in usages:
            self._active_users.labels(str(usage.tenant), usage.plan).set(usage.active_users)
            self._storage.labels(str(usage.tenant)).set(usage.storage)
        for plan, (active_users, _) in other.items():
            self._active_users.labels(OTHER, plan).set(active_users)
        if other:
            self._storage.labels(OTHER).set(sum(storage for _, storage in other.values()))

    def labelled(self) -> frozenset[UUID]:
        """The tenants that have a label of their own now."""
        return frozenset(self._busiest.labelled)

    def watch_gauge(self, name: str, text: str, label: str, read: Read) -> None:
        """A gauge read at each scrape, in a thread: `read` must be quick and must not touch the network."""
        self.registry.register(_Watched(lambda: GaugeMetricFamily(name, text, labels=[label]), read))

    def watch_counter(self, name: str, text: str, label: str, read: Read) -> None:
        """Like `watch_gauge`, for numbers that only grow; the series are called `<name>_total`."""
        self.registry.register(_Watched(lambda: CounterMetricFamily(name, text, labels=[label]), read))

    def exposition(self) -> bytes:
        """The page in Prometheus' text format, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _count(self, tenant: UUID, endpoint: str, status: str) -> None:
        labelled, retired = self._busiest.hit(tenant)
        for former in retired:
            for labels in self._series.pop(former, ()):
                self._requests.remove(str(former), *labels)
        if not labelled:
            self._requests.labels(OTHER, OTHER, status).inc()
            return
        series = self._series.setdefault(tenant, {})
        if (endpoint, status) not in series:
            if not _OPERATION.fullmatch(endpoint) or len({seen for seen, _ in series}) >= _ENDPOINTS_A_TENANT:
                endpoint = OTHER
            series[endpoint, status] = self._requests.labels(str(tenant), endpoint, status)
        series[endpoint, status].inc()


class Busiest:
    """Which tenants are the busiest of late, in bounded memory.

    A space-saving counter (Metwally, Agrawal, El Abbadi 2005): a newcomer takes over the smallest slot and
    its count, so a busy tenant is never missed and an idle one is overrated at most by that count. Each
    election halves the counts, so that they follow the last minutes, and favours those in office, so that
    equals do not swap labels for ever.
    """

    def __init__(self, labels: int) -> None:
        self._labels = labels
        self._counts: dict[UUID, int] = {}
        self._hits = 0
        self.labelled: set[UUID] = set()

    def hit(self, tenant: UUID) -> tuple[bool, Iterable[UUID]]:
        """Count one request: whether `tenant` has a label, and who just lost theirs."""
        counts = self._counts
        if tenant in counts:
            counts[tenant] += 1
        elif len(counts) < self._labels * _SLOTS_A_LABEL:
            counts[tenant] = 1
        else:
            smallest = min(counts, key=counts.__getitem__)
            counts[tenant] = counts.pop(smallest) + 1
        if tenant not in self.labelled and len(self.labelled) < self._labels:
            self.labelled.add(tenant)
        self._hits += 1
        retired: Iterable[UUID] = self._elect() if self._hits % _ELECTION_HITS == 0 else ()
        return tenant in self.labelled, retired

    def _elect(self) -> set[UUID]:
        before = self.labelled
        counts = self._counts

        def weight(tenant: UUID) -> int:
            return counts[tenant] * (_INCUMBENT_BONUS if tenant in before else 1)

        self.labelled = set(heapq.nlargest(self._labels, counts, key=weight))
        self._counts = {tenant: count // 2 for tenant, count in counts.items() if count > 1}
        return before - self.labelled


class _Watched(Collector):
    def __init__(self, family: Callable[[], Family], read: Read) -> None:
        self._family = family
        self._read = read

    def describe(self) -> Iterable[Family]:
        # told here, because the registry would otherwise call collect() before there is anything to read
        return [self._family()]

    def collect(self) -> Iterator[Family]:
        family = self._family()
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family
