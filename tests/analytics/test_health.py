from datetime import timedelta

import msgspec
import pytest

from harka.analytics.health import MOST_NAMED, HealthStatus, IssueCode, judge
from harka.ids import NodeKind, new_id
from harka.repositories.request_usage import RequestUsage
from harka.repositories.rollup import Totals
from harka.repositories.sso import Ending
from harka.repositories.usage import Usage
from harka.tenancy.plan import Plan, limits_of
from tenancy.samples import NOW

STARTER = limits_of(Plan.STARTER)
WELL = Totals(
    users=10,
    users_active=8,
    enrollments=5,
    completed=1,
    progress=0,
    active_users=2,
    dead_jobs=0,
    paused_webhooks=0,
    expiring_certificates=0,
    file_bytes=0,
    as_of=NOW,
)
FEW = RequestUsage(10, NOW)
SMALL = Usage(NOW.date(), 2, 10, 1_000, NOW - timedelta(seconds=30))


def with_(**changes: int) -> Totals:
    return msgspec.structs.replace(WELL, **changes)


def test_who_is_well_has_no_issue() -> None:
    found = judge(STARTER, WELL, FEW, SMALL)
    assert (found.status, found.issues) == (HealthStatus.HEALTHY, [])
    assert judge(STARTER, WELL, FEW, None).status == HealthStatus.HEALTHY


@pytest.mark.parametrize(
    ("active", "severity"),
    [(89, None), (90, HealthStatus.WARNING), (99, HealthStatus.WARNING), (100, HealthStatus.CRITICAL)],
)
def test_a_limit_is_near_from_nine_tenths_on(active: int, severity: HealthStatus | None) -> None:
    issues = judge(STARTER, with_(users_active=active), FEW, SMALL).issues
    assert [(each.code, each.severity, each.measured, each.limit) for each in issues] == (
        [] if severity is None else [(IssueCode.USERS_NEAR_LIMIT, severity, active, 100)]
    )


def test_every_limit_is_looked_at() -> None:
    requests = RequestUsage(1_000_000, NOW)
    full = msgspec.structs.replace(SMALL, storage_bytes=STARTER.storage_bytes)
    found = judge(STARTER, with_(users_active=90, dead_jobs=3), requests, full)
    assert found.status == HealthStatus.CRITICAL
    assert [each.code for each in found.issues] == [
        IssueCode.REQUESTS_NEAR_LIMIT,
        IssueCode.STORAGE_NEAR_LIMIT,
        IssueCode.JOBS_FAILED,
        IssueCode.USERS_NEAR_LIMIT,
    ]


def test_files_count_before_rows_were_ever_measured() -> None:
    full = with_(file_bytes=STARTER.storage_bytes)
    assert [each.code for each in judge(STARTER, full, FEW, None).issues] == [IssueCode.STORAGE_NEAR_LIMIT]


def test_what_has_no_limit_is_never_near_one() -> None:
    endless = limits_of(Plan.ENTERPRISE)
    assert judge(endless, with_(users_active=10**6), RequestUsage(10**9, NOW), SMALL).issues == []


def test_a_measurement_that_is_old_is_told() -> None:
    old = msgspec.structs.replace(SMALL, as_of=NOW - timedelta(minutes=11))
    (issue,) = judge(STARTER, WELL, FEW, old).issues
    assert (issue.code, issue.measured, issue.limit) == (IssueCode.FIGURES_STALE, 660, 600)


def test_an_issue_says_what_to_do() -> None:
    (issue,) = judge(STARTER, with_(dead_jobs=1), FEW, SMALL).issues
    assert issue.message
    assert issue.advice


def test_a_domain_that_somebody_else_may_have_is_critical() -> None:
    gone = [new_id(), new_id()]
    found = judge(STARTER, WELL, FEW, SMALL, unproven=gone)
    assert found.status == HealthStatus.CRITICAL
    (issue,) = found.issues
    assert (issue.code, issue.measured) == (IssueCode.DOMAIN_PROOF_MISSING, 2)
    assert issue.objects == [(NodeKind.DOMAIN, id_) for id_ in gone]


def test_an_issue_names_no_more_than_can_be_looked_after() -> None:
    dead = [new_id() for _ in range(MOST_NAMED + 1)]
    totals = msgspec.structs.replace(WELL, dead_jobs=30, dead=dead)
    (issue,) = judge(STARTER, totals, FEW, SMALL).issues
    assert issue.measured == 30
    assert issue.objects == [(NodeKind.TENANT_JOB, id_) for id_ in dead[:MOST_NAMED]]


def test_certificates_that_end_and_downloads_are_told() -> None:
    assert STARTER.bandwidth_bytes is not None
    much = RequestUsage(10, NOW, int(STARTER.bandwidth_bytes * 0.95))
    found = judge(STARTER, with_(expiring_certificates=4), much, SMALL)
    told = [(issue.code, issue.severity, issue.measured) for issue in found.issues]
    assert told == [
        (IssueCode.BANDWIDTH_NEAR_LIMIT, HealthStatus.WARNING, much.downloaded),
        (IssueCode.CERTIFICATES_EXPIRING, HealthStatus.WARNING, 4),
    ]


def test_webhooks_that_were_paused_are_critical() -> None:
    id_ = new_id()
    (lost,) = judge(STARTER, with_(lost_webhooks=1, lost=[id_]), FEW, SMALL).issues
    assert (lost.code, lost.severity, lost.measured) == ("webhook_events_lost", "critical", 1)
    assert lost.objects == [(NodeKind.WEBHOOK_ENDPOINT, id_)]
    (issue,) = judge(STARTER, with_(paused_webhooks=2), FEW, SMALL).issues
    assert (issue.code, issue.severity, issue.measured) == (
        IssueCode.WEBHOOKS_PAUSED,
        HealthStatus.CRITICAL,
        2,
    )


@pytest.mark.parametrize(
    ("days", "limit", "severity"),
    [
        (31.0, None, None),
        (29.5, 30, HealthStatus.WARNING),
        (6.5, 7, HealthStatus.CRITICAL),
        (0.5, 1, HealthStatus.CRITICAL),
        (-1.0, 1, HealthStatus.CRITICAL),
    ],
)
def test_a_certificate_that_ends_is_told_three_times(
    days: float, limit: int | None, severity: HealthStatus | None
) -> None:
    at = WELL.as_of
    ends = [Ending(new_id(), at + timedelta(days=days)), Ending(new_id(), at + timedelta(days=days + 1))]
    issues = judge(STARTER, WELL, FEW, SMALL, ending=ends).issues
    assert [(each.code, each.severity, each.limit) for each in issues] == (
        [] if limit is None else [(IssueCode.SSO_CERTIFICATE_EXPIRING, severity, limit)]
    )
    assert [each.objects for each in issues] == (
        [] if limit is None else [[(NodeKind.SSO_CONNECTION, each.id) for each in ends]]
    )
