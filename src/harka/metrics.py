"""Prometheus metrics of one process, in a registry of their own; the only room that knows prometheus_client.

Tenant labels are bounded (5,000 tenants as labels cost 5.5 s a scrape): the busiest K tenants have a label of
their own, everyone else shares `other`. A tenant that loses its label loses its series, which Prometheus
marks stale; its further requests count under `other`, so `sum(rate(…))` over all tenants stays true.

Requests are counted by the event loop alone, in plain dictionaries and lists without locks. A scrape renders
in a thread of its own: it copies each of them, which is one step for the interpreter, before it reads.
"""

import bisect
import enum
import heapq
import itertools
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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

# a second series for each counter and histogram, of when it was made, which nobody asks for
disable_created_metrics()  # type: ignore[no-untyped-call] # the library does not annotate it

Read = Callable[[], Mapping[str, float]]
Family = GaugeMetricFamily | CounterMetricFamily

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
OTHER: Final = "other"
_ELECTION_HITS: Final = 4096
_REMEMBERED_A_LABEL: Final = 4
_INCUMBENT_BONUS: Final = 2
_ENDPOINTS_A_TENANT: Final = 16
_OPERATION: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_CLIENTS: Final = 50
_CLIENT: Final = re.compile(r"[A-Za-z0-9@][A-Za-z0-9 ._/@:-]{0,63}")
_LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JOB_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Left(enum.StrEnum):
    """Why a query's plan was left. `NOT_PLAIN`: the answer, or an argument, is not one for plans."""

    NOT_PLAIN = "not_plain"
    FAILED = "failed"
    UNEXPECTED = "unexpected"


class JobOutcome(enum.StrEnum):
    """Of one attempt. `LOST`: the job is no longer this worker's, another does it or will."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    CANCELLED = "cancelled"
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
        self._tenants = tenants
        self._requests = _Requests(Busiest(tenants))
        self.registry.register(self._requests)
        self._active_users = Gauge(
            "tenant_active_users",
            "Users whose progress was recorded in the last 30 days, latest rollup.",
            ("tenant_id", "plan"),
            registry=self.registry,
        )
        self._storage = Gauge(
            "tenant_storage_bytes", "Bytes stored, latest rollup.", ("tenant_id",), registry=self.registry
        )
        self._latency = _Latency()
        self.registry.register(self._latency)
        self._plans_left = Counter(
            "harka_plans_left",
            "Queries that began by a plan and were executed anew by graphql-core, by why.",
            ("reason",),
            registry=self.registry,
        )
        for reason in Left:
            self._plans_left.labels(reason)
        self._deprecated = Counter(
            "harka_deprecated_uses",
            "Operations that use a part of the schema that will be taken out, by the client's X-Client-Name.",
            ("part", "client"),
            registry=self.registry,
        )
        self._clients: set[str] = set()
        self._unread = Counter(
            "harka_unread_connections",
            "Connections closed because their clients did not read what they were sent.",
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
        self._latency.observe(route, seconds)
        if tenant is not None:
            self._requests.count(tenant, operation, status)

    def observe_refusals(self, tenant: UUID, number: int, *, route: str, status: int) -> None:
        """Count so many requests that were refused by their heads alone, in no time."""
        self._latency.observe(route, 0.0, number)
        self._requests.count(tenant, OTHER, status, number)

    def expect_jobs(self, types: Iterable[str]) -> None:
        """Give these, and no others, a label.

        They show at once: the first dead job is then a rise from zero, which an alert can see.
        """
        self._job_types |= frozenset(types)
        for type_ in self._job_types:
            self._job_seconds.labels(type_)
            for outcome in JobOutcome:
                self._jobs.labels(type_, outcome)

    def plan_left(self, reason: Left) -> None:
        """A query's plan came to no answer."""
        self._plans_left.labels(reason).inc()

    def deprecated_used(self, parts: Iterable[str], client: str) -> None:
        """Count one operation. `parts`: of the schema. `client`: the first few names have a label each."""
        if client not in self._clients:
            if len(self._clients) >= _CLIENTS or not _CLIENT.fullmatch(client):
                client = OTHER
            self._clients.add(client)
        for part in parts:
            self._deprecated.labels(part, client).inc()

    def connection_unread(self) -> None:
        """One was closed because its client did not read."""
        self._unread.inc()

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

    def labelled(self, others: Iterable[UUID] = ()) -> frozenset[UUID]:
        """The tenants that have a label of their own now; of `others` as many as there are labels left."""
        labelled = self._requests.busiest.labelled
        rest = (tenant for tenant in others if tenant not in labelled)
        return frozenset(labelled).union(itertools.islice(rest, self._tenants - len(labelled)))

    def watch_gauge(self, name: str, text: str, label: str, read: Read) -> None:
        """A gauge read at each scrape, in a thread: `read` must be quick and must not touch the network."""
        self.registry.register(_Watched(lambda: GaugeMetricFamily(name, text, labels=[label]), read))

    def watch_counter(self, name: str, text: str, label: str, read: Read) -> None:
        """Like `watch_gauge`, for numbers that only grow; the series are called `<name>_total`."""
        self.registry.register(_Watched(lambda: CounterMetricFamily(name, text, labels=[label]), read))

    def exposition(self) -> bytes:
        """The page in Prometheus' text format, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)


class _Count:
    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class _Series:
    """The counts of a tenant with a label of its own. `elected`: their sum at the last election."""

    __slots__ = ("counts", "elected", "endpoints")

    def __init__(self) -> None:
        self.counts: dict[tuple[UUID, str, int], _Count] = {}
        self.endpoints: set[str] = set()
        self.elected = 0

    def name(self, endpoint: str) -> str:
        """What `endpoint` counts under: `other` when it is no name, or one too many."""
        if endpoint not in self.endpoints:
            if len(self.endpoints) >= _ENDPOINTS_A_TENANT or not _OPERATION.fullmatch(endpoint):
                endpoint = OTHER
            self.endpoints.add(endpoint)
        return endpoint

    def hits(self) -> int:
        """Since the last election, which this is."""
        before, self.elected = self.elected, sum(count.number for count in self.counts.values())
        return self.elected - before


class _Requests(Collector):
    """`tenant_api_requests_total`."""

    def __init__(self, busiest: "Busiest") -> None:
        self.busiest = busiest
        self._counts: dict[tuple[UUID, str, int], _Count] = {}
        self._series: dict[UUID, _Series] = {}
        self._rest: dict[int, _Count] = {}
        self._until_election = _ELECTION_HITS

    def count(self, tenant: UUID, endpoint: str, status: int, number: int = 1) -> None:
        key = tenant, endpoint, status
        count = self._counts.get(key) or self._found(tenant, endpoint, status, number)
        count.number += number
        self._until_election -= number
        if self._until_election <= 0:
            self._elect()

    def describe(self) -> Iterable[CounterMetricFamily]:
        return [self._family()]

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = self._family()
        for (tenant, endpoint, status), count in self._counts.copy().items():
            family.add_metric([str(tenant), endpoint, str(status)], count.number)
        for status, count in self._rest.copy().items():
            family.add_metric([OTHER, OTHER, str(status)], count.number)
        yield family

    def _found(self, tenant: UUID, endpoint: str, status: int, hits: int) -> _Count:
        """The count of what has none by its own name, or none yet."""
        if not self.busiest.has_label(tenant):
            self.busiest.hit(tenant, hits)
            return self._rest.get(status) or self._rest.setdefault(status, _Count())
        series = self._series.setdefault(tenant, _Series())
        key = tenant, series.name(endpoint), status
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = series.counts[key] = _Count()
        return found

    def _elect(self) -> None:
        self._until_election = _ELECTION_HITS
        for tenant, series in self._series.items():
            if hits := series.hits():
                self.busiest.hit(tenant, hits)
        for former in self.busiest.elect():
            retired = self._series.pop(former, None)
            for key in retired.counts if retired else ():
                del self._counts[key]

    def _family(self) -> CounterMetricFamily:
        text = "API requests by tenant, operation name and HTTP status."
        return CounterMetricFamily("tenant_api_requests", text, labels=("tenant_id", "endpoint", "status"))


class _Latency(Collector):
    """`http_request_duration_seconds`: for each route a list of one number a bucket, and last the sum."""

    def __init__(self) -> None:
        self._routes: dict[str, list[float]] = {}

    def observe(self, route: str, seconds: float, number: int = 1) -> None:
        numbers = self._routes.get(route)
        if numbers is None:
            numbers = self._routes[route] = [0] * (len(_LATENCY_BUCKETS) + 2)
        numbers[bisect.bisect_left(_LATENCY_BUCKETS, seconds)] += number
        numbers[-1] += seconds * number

    def describe(self) -> Iterable[HistogramMetricFamily]:
        return [self._family()]

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = self._family()
        bounds = [*map(str, _LATENCY_BUCKETS), "+Inf"]
        for route, numbers in self._routes.copy().items():
            *buckets, seconds = numbers.copy()
            family.add_metric([route], list(zip(bounds, itertools.accumulate(buckets), strict=True)), seconds)
        yield family

    def _family(self) -> HistogramMetricFamily:
        text = "From the head of the request to the end of the answer."
        return HistogramMetricFamily("http_request_duration_seconds", text, labels=("route",))


class Busiest:
    """Which tenants are the busiest of late, in bounded memory.

    Requests are counted exactly from one election to the next, and so many requests are of no more tenants.
    What is remembered of earlier ones is halved by each election, so that they follow the last minutes, and
    those in office are favoured, so that equals do not swap labels for ever.
    """

    def __init__(self, labels: int) -> None:
        self._labels = labels
        self._past: dict[UUID, int] = {}
        self._hits: dict[UUID, int] = {}
        self.labelled: set[UUID] = set()

    def has_label(self, tenant: UUID) -> bool:
        """Whether it has one, or takes one that is free."""
        if tenant in self.labelled:
            return True
        if len(self.labelled) >= self._labels:
            return False
        self.labelled.add(tenant)
        return True

    def hit(self, tenant: UUID, times: int = 1) -> None:
        """Count requests."""
        self._hits[tenant] = self._hits.get(tenant, 0) + times

    def elect(self) -> set[UUID]:
        """Give the labels to whoever was hit the most, and name who has just lost theirs."""
        totals, self._hits = self._hits, {}
        for tenant, count in self._past.items():
            totals[tenant] = totals.get(tenant, 0) + count
        kept = heapq.nlargest(_REMEMBERED_A_LABEL * self._labels, totals, key=totals.__getitem__)
        self._past = {tenant: totals[tenant] // 2 for tenant in kept if totals[tenant] > 1}
        before = self.labelled
        for tenant in before & totals.keys():
            totals[tenant] *= _INCUMBENT_BONUS
        self.labelled = set(heapq.nlargest(self._labels, totals, key=totals.__getitem__))
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
