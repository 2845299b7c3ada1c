import random
import re
import threading
from collections.abc import Iterable
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from harka.metrics import Busiest, JobOutcome, Metrics, TenantUsage


def tenant(number: int) -> UUID:
    return UUID(int=number)


def count(
    metrics: Metrics, number: int, *, operation: str = "Courses", status: int = 200, times: int = 1
) -> None:
    for _ in range(times):
        metrics.observe_request(
            tenant=tenant(number), operation=operation, route="graphql", status=status, seconds=0.004
        )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def requests(metrics: Metrics, tenant_id: str, endpoint: str, status: str = "200") -> float | None:
    return value(metrics, "tenant_api_requests_total", tenant_id=tenant_id, endpoint=endpoint, status=status)


def tenants_shown(metrics: Metrics) -> set[str]:
    return set(re.findall(r'tenant_api_requests_total\{.*tenant_id="([^"]*)"', metrics.exposition().decode()))


def test_a_request_counts_under_its_tenant_operation_and_status() -> None:
    metrics = Metrics(tenants=2)
    count(metrics, 1, times=3)
    count(metrics, 1, status=429)
    assert requests(metrics, str(tenant(1)), "Courses") == 3
    assert requests(metrics, str(tenant(1)), "Courses", "429") == 1


def test_a_counter_is_one_series() -> None:
    metrics = Metrics(tenants=2)
    metrics.expect_jobs(["mail"])
    count(metrics, 1)
    page = metrics.exposition().decode()
    assert page.count(f'tenant_id="{tenant(1)}"') == 1
    assert "_created" not in page


def test_a_request_without_a_tenant_has_no_tenant_series() -> None:
    metrics = Metrics(tenants=2)
    metrics.observe_request(tenant=None, operation="", route="other", status=404, seconds=0.001)
    assert tenants_shown(metrics) == set()
    assert value(metrics, "http_request_duration_seconds_count", route="other") == 1


def test_tenants_beyond_the_limit_share_one_label() -> None:
    metrics = Metrics(tenants=2)
    for number in range(1, 6):
        count(metrics, number)
    assert tenants_shown(metrics) == {str(tenant(1)), str(tenant(2)), "other"}
    assert requests(metrics, "other", "other") == 3


def test_the_busiest_take_over_the_labels_and_their_predecessors_series_end() -> None:
    metrics = Metrics(tenants=1)
    count(metrics, 1)
    count(metrics, 2, times=5000)
    count(metrics, 2)
    assert tenants_shown(metrics) == {str(tenant(2)), "other"}


def hit(busiest: Busiest, numbers: Iterable[int], *, term: int = 4096) -> None:
    """Requests of tenants one after another, with an election every so many."""
    for done, number in enumerate(numbers, 1):
        busiest.has_label(tenant(number))
        busiest.hit(tenant(number))
        if done % term == 0:
            busiest.elect()


def test_equals_do_not_swap_labels() -> None:
    busiest = Busiest(10)
    hit(busiest, [*range(20)] * 2000)
    assert busiest.labelled == {tenant(number) for number in range(10)}


def test_a_busy_tenant_is_found_among_thousands_of_idle_ones() -> None:
    busiest = Busiest(5)
    hit(
        busiest,
        (each for number in range(20_000) for each in (number, *([1_000_000] if number % 4 == 0 else []))),
    )
    assert tenant(1_000_000) in busiest.labelled
    assert len(busiest.labelled) == 5


@pytest.mark.parametrize("name", ["", "has space", "né", "x" * 65, "a\nb", "1st"])
def test_what_is_no_operation_name_counts_under_other(name: str) -> None:
    metrics = Metrics(tenants=2)
    count(metrics, 1, operation=name)
    assert requests(metrics, str(tenant(1)), "other") == 1


def test_a_client_that_invents_operation_names_gets_few_series() -> None:
    metrics = Metrics(tenants=2)
    for number in range(10_000):
        count(metrics, 1, operation=f"Op{number}")
    series = metrics.exposition().decode().count("tenant_api_requests_total{")
    assert series <= 17
    assert (requests(metrics, str(tenant(1)), "other") or 0) > 9_900


def without_creation(page: bytes) -> list[str]:
    """The page without the times at which its series began."""
    return [re.sub(r"(_created\{.*\}) \S+", r"\1", line) for line in page.decode().splitlines()]


def test_the_page_is_what_prometheus_own_counters_would_show() -> None:
    metrics, registry = Metrics(tenants=2), CollectorRegistry()
    counter = Counter(
        "tenant_api_requests",
        "API requests by tenant, operation name and HTTP status.",
        ("tenant_id", "endpoint", "status"),
        registry=registry,
    )
    histogram = Histogram(
        "http_request_duration_seconds",
        "From the head of the request to the end of the answer.",
        ("route",),
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        registry=registry,
    )
    dice = random.Random(5)  # noqa: S311 - the same requests every time
    for _ in range(500):
        seconds = dice.choice([0.0, 0.001, 0.0011, 0.3, 10.0, 11.0])
        operation, status, route = (
            dice.choice(["A", "B"]),
            dice.choice([200, 429]),
            dice.choice(["graphql", "x"]),
        )
        number = dice.choice([1, 2])
        metrics.observe_request(
            tenant=tenant(number), operation=operation, route=route, status=status, seconds=seconds
        )
        counter.labels(str(tenant(number)), operation, str(status)).inc()
        histogram.labels(route).observe(seconds)
    shown = without_creation(metrics.exposition())
    assert {line for line in without_creation(generate_latest(registry)) if line not in shown} == set()


def test_scrapes_meanwhile_lose_no_request() -> None:
    metrics, over = Metrics(tenants=5), threading.Event()
    pages: list[bytes] = []

    def scrape() -> None:
        while not over.is_set():
            pages.append(metrics.exposition())

    scraping = threading.Thread(target=scrape)
    scraping.start()
    for number in range(20_000):
        count(metrics, number % 7, operation=f"Op{number % 3}", status=200 + number % 4)
    over.set()
    scraping.join()
    assert pages
    shown = re.findall(r"tenant_api_requests_total\{.*\} (\S+)", metrics.exposition().decode())
    assert sum(map(float, shown)) == 20_000
    assert value(metrics, "http_request_duration_seconds_count", route="graphql") == 20_000


def test_labels_that_no_request_took_go_to_others() -> None:
    metrics = Metrics(tenants=3)
    count(metrics, 1)
    assert metrics.labelled() == {tenant(1)}
    assert metrics.labelled([tenant(1), tenant(2)]) == {tenant(1), tenant(2)}
    assert metrics.labelled(map(tenant, range(2, 9))) == {tenant(1), tenant(2), tenant(3)}


def test_a_tenant_that_was_busy_long_ago_is_forgotten() -> None:
    busiest = Busiest(1)
    hit(busiest, [1] * 20_000)
    hit(busiest, [2] * 40_000)
    assert busiest.labelled == {tenant(2)}


def test_a_tenant_that_comes_back_begins_anew() -> None:
    metrics = Metrics(tenants=1)
    count(metrics, 1, times=10)
    count(metrics, 2, times=9000)
    assert tenants_shown(metrics) == {str(tenant(2)), "other"}
    count(metrics, 1, times=40_000)
    assert tenants_shown(metrics) == {str(tenant(1)), "other"}
    shown = requests(metrics, str(tenant(1)), "Courses") or 0
    rest = requests(metrics, "other", "other") or 0
    assert 20_000 < shown < 40_000
    # what was counted of tenant 2 under its own name, and of tenant 1 in its first office, has ended
    assert shown + rest < 49_010


def test_usage_replaces_what_was_shown_before() -> None:
    metrics = Metrics(tenants=2)
    metrics.set_usage([TenantUsage(tenant(1), "GROWTH", 40, 1024)], other={"STARTER": (7, 2048)})
    metrics.set_usage([TenantUsage(tenant(2), "STARTER", 5, 512)], other={})
    assert value(metrics, "tenant_active_users", tenant_id=str(tenant(2)), plan="STARTER") == 5
    assert value(metrics, "tenant_storage_bytes", tenant_id=str(tenant(2))) == 512
    assert value(metrics, "tenant_storage_bytes", tenant_id=str(tenant(1))) is None
    assert value(metrics, "tenant_storage_bytes", tenant_id="other") is None


def test_the_rest_is_summed_under_other() -> None:
    metrics = Metrics(tenants=2)
    metrics.set_usage([], other={"STARTER": (7, 2048), "GROWTH": (1, 1)})
    assert value(metrics, "tenant_active_users", tenant_id="other", plan="STARTER") == 7
    assert value(metrics, "tenant_storage_bytes", tenant_id="other") == 2049


def test_a_watched_gauge_is_read_at_each_scrape() -> None:
    metrics = Metrics(tenants=1)
    state = {"app": 1.0}
    metrics.watch_gauge("pool_connections", "Open connections.", "database", lambda: state)
    state["app"] = 4.0
    assert value(metrics, "pool_connections", database="app") == 4.0


def test_expected_jobs_show_from_the_start_and_count_by_outcome() -> None:
    metrics = Metrics(tenants=1)
    metrics.expect_jobs(["course.recount"])
    outcomes = dict.fromkeys(JobOutcome, 0.0)
    assert job_counts(metrics, "course.recount") == outcomes
    metrics.observe_job("course.recount", JobOutcome.DONE, seconds=0.2)
    metrics.observe_job("course.recount", JobOutcome.DEAD, seconds=None)
    assert job_counts(metrics, "course.recount") == outcomes | {"done": 1.0, "dead": 1.0}
    assert value(metrics, "harka_job_seconds_count", type="course.recount") == 1
    assert value(metrics, "harka_job_seconds_bucket", type="course.recount", le="0.25") == 1
    assert value(metrics, "harka_job_seconds_bucket", type="course.recount", le="0.1") == 0


def test_types_of_jobs_that_nobody_registered_share_one_label() -> None:
    metrics = Metrics(tenants=1)
    metrics.expect_jobs(["course.recount"])
    for number in range(50):
        metrics.observe_job(f"invented.{number}", JobOutcome.RETRY, seconds=0.1)
    assert set(re.findall(r'harka_jobs_total\{.*type="([^"]*)"', metrics.exposition().decode())) == {
        "course.recount",
        "other",
    }
    assert value(metrics, "harka_jobs_total", type="other", outcome="retry") == 50


def test_a_process_that_runs_no_jobs_shows_none() -> None:
    assert "harka_jobs_total{" not in Metrics(tenants=1).exposition().decode()


def job_counts(metrics: Metrics, type_: str) -> dict[str, float | None]:
    return {each: value(metrics, "harka_jobs_total", type=type_, outcome=each) for each in JobOutcome}


def test_two_processes_worth_of_metrics_share_nothing() -> None:
    first, second = Metrics(tenants=1), Metrics(tenants=1)
    count(first, 1)
    assert tenants_shown(second) == set()


def test_five_thousand_tenants_stay_within_their_labels_and_the_page_within_its_lines() -> None:
    metrics = Metrics(tenants=100)
    for number in range(100):
        for operation in range(20):
            for status in (200, 429, 503):
                count(metrics, number, operation=f"Operation{operation}", status=status)
    for number in range(5000):
        count(metrics, number)
    page = metrics.exposition().decode()
    assert len(tenants_shown(metrics)) <= 101
    assert page.count("tenant_api_requests_total{") <= 101 * 17 * 3


def test_clients_beyond_the_first_few_share_a_label() -> None:
    metrics = Metrics(tenants=1)
    names = [f"client-{number}" for number in range(60)]
    for name in [*names, "", "x" * 65, 'a"b', "a\nb", "é", names[0]]:
        metrics.deprecated_used(("Query.old", "Query.older"), name)
    page = metrics.exposition().decode()
    lines = [line for line in page.splitlines() if line.startswith("harka_deprecated_uses_total{")]
    assert len(lines) == 2 * (50 + 1)
    assert 'harka_deprecated_uses_total{client="client-0",part="Query.old"} 2.0' in lines
    assert 'harka_deprecated_uses_total{client="other",part="Query.older"} 15.0' in lines
