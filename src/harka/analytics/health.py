"""What is wrong with a tenant, or soon will be: coded, with what shows it and what to do about it."""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka.analytics.usage import ACTIVE_DAYS
from harka.ids import NodeKind
from harka.repositories.request_usage import RequestUsage
from harka.repositories.rollup import Totals
from harka.repositories.sso import Ending
from harka.repositories.usage import Usage
from harka.tenancy.plan import PlanLimits

_NEAR: Final = 0.9
_STALE: Final = timedelta(minutes=10)
WARNED: Final = (1, 7, 30)
"""Days before a certificate of single sign-on ends."""
MOST_NAMED: Final = 20
"""Objects that an issue names."""


class HealthStatus(enum.StrEnum):
    """Of a tenant, or how bad an issue is."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"


class IssueCode(enum.StrEnum):
    USERS_NEAR_LIMIT = "users_near_limit"
    REQUESTS_NEAR_LIMIT = "requests_near_limit"
    STORAGE_NEAR_LIMIT = "storage_near_limit"
    JOBS_FAILED = "jobs_failed"
    BANDWIDTH_NEAR_LIMIT = "bandwidth_near_limit"
    CERTIFICATES_EXPIRING = "certificates_expiring"
    FIGURES_STALE = "figures_stale"
    DOMAIN_PROOF_MISSING = "domain_proof_missing"
    WEBHOOKS_PAUSED = "webhooks_paused"
    WEBHOOK_EVENTS_LOST = "webhook_events_lost"
    SSO_CERTIFICATE_EXPIRING = "sso_certificate_expiring"


class Issue(msgspec.Struct, frozen=True):
    """`measured`, `limit`: what shows it, in the unit that the code is about.

    `objects`: what it is about, `MOST_NAMED` of it at the most: of which kind, and the ids.
    """

    code: IssueCode
    severity: HealthStatus
    message: str
    advice: str
    measured: float
    limit: float | None = None
    objects: Sequence[tuple[NodeKind, UUID]] = ()


class Health(msgspec.Struct, frozen=True):
    status: HealthStatus
    issues: Sequence[Issue]


_ORDER: Final = list(HealthStatus)


def judge(
    limits: PlanLimits,
    totals: Totals,
    requests: RequestUsage,
    usage: Usage | None,
    *,
    unproven: Sequence[UUID] = (),
    ending: Sequence[Ending] = (),
) -> Health:
    """The worst first. `usage`: the last measurement, None before the first. `unproven`: domains.

    `ending`: connections whose certificates end, the first to end first.
    """
    found = [
        *_near_limits(limits, totals, requests, usage),
        *_stale(totals, usage),
        *_unproven(unproven),
        *_ended(totals),
        *_lost(totals),
        *_locked_out(ending, totals.as_of),
    ]
    found.sort(key=lambda issue: (-_ORDER.index(issue.severity), issue.code))
    return Health(found[0].severity if found else HealthStatus.HEALTHY, found)


def _near_limits(
    limits: PlanLimits, totals: Totals, requests: RequestUsage, usage: Usage | None
) -> list[Issue]:
    stored = totals.file_bytes + (0 if usage is None else usage.storage_bytes)
    return [
        *_near(IssueCode.USERS_NEAR_LIMIT, "active people", totals.users_active, limits.users),
        *_near(
            IssueCode.REQUESTS_NEAR_LIMIT, "requests this month", requests.requests, limits.requests_per_month
        ),
        *_near(IssueCode.STORAGE_NEAR_LIMIT, "bytes stored", stored, limits.storage_bytes),
        *_near(
            IssueCode.BANDWIDTH_NEAR_LIMIT,
            "bytes downloaded this month",
            requests.downloaded,
            limits.bandwidth_bytes,
        ),
    ]


def _stale(totals: Totals, usage: Usage | None) -> list[Issue]:
    late = timedelta() if usage is None else totals.as_of - usage.as_of
    if late <= _STALE:
        return []
    message, advice = "Storage was not measured for a while.", "Ask the operator whether workers run."
    seconds, limit = late.total_seconds(), _STALE.total_seconds()
    return [Issue(IssueCode.FIGURES_STALE, HealthStatus.WARNING, message, advice, seconds, limit)]


def _unproven(domains: Sequence[UUID]) -> list[Issue]:
    if not domains:
        return []
    message = f"The proof of {len(domains):,} domains is gone: somebody else may have them."
    advice = "Put back the record `domains` tells, or remove the domain. In 72 hours it is not served."
    code, named = IssueCode.DOMAIN_PROOF_MISSING, _named(NodeKind.DOMAIN, domains)
    return [Issue(code, HealthStatus.CRITICAL, message, advice, len(domains), objects=named)]


def _ended(totals: Totals) -> list[Issue]:
    """What ends, or has ended badly."""
    expiring, dead = totals.expiring_certificates, totals.dead_jobs
    found = []
    if expiring:
        message = f"{expiring:,} certificates end within {ACTIVE_DAYS} days."
        advice = "Look at `User.certificates`, and renew those that are still needed by `renewCertificate`."
        code, named = IssueCode.CERTIFICATES_EXPIRING, _named(NodeKind.CERTIFICATE, totals.expiring)
        found.append(Issue(code, HealthStatus.WARNING, message, advice, expiring, objects=named))
    if dead:
        advice = "Look at their errors, mend what they name, and have them tried again."
        message = f"{dead:,} jobs were given up."
        code, named = IssueCode.JOBS_FAILED, _named(NodeKind.TENANT_JOB, totals.dead)
        found.append(Issue(code, HealthStatus.WARNING, message, advice, dead, objects=named))
    if totals.paused_webhooks:
        message = f"{totals.paused_webhooks:,} webhook endpoints were paused: they are told nothing."
        advice = "Look at `WebhookEndpoint.pauseReason`, mend it, and send again by `updateWebhookEndpoint`."
        code, named = IssueCode.WEBHOOKS_PAUSED, _named(NodeKind.WEBHOOK_ENDPOINT, totals.paused)
        paused = totals.paused_webhooks
        found.append(Issue(code, HealthStatus.CRITICAL, message, advice, paused, objects=named))
    return found


def _lost(totals: Totals) -> list[Issue]:
    lost = totals.lost_webhooks
    if not lost:
        return []
    message = f"{lost:,} webhook endpoints were paused for so long that events were forgotten untold."
    advice = "Read anew what their receivers keep a copy of, and send what is kept by `replayWebhook`."
    code, named = IssueCode.WEBHOOK_EVENTS_LOST, _named(NodeKind.WEBHOOK_ENDPOINT, totals.lost)
    return [Issue(code, HealthStatus.CRITICAL, message, advice, lost, objects=named)]


def _locked_out(connections: Sequence[Ending], now: datetime) -> list[Issue]:
    """By whose connections nobody will come in soon: three steps, so that it is noticed three times."""
    if not connections:
        return []
    days = (connections[0].certificates_end_at - now) / timedelta(days=1)
    limit = next((step for step in WARNED if days <= step), None)
    if limit is None:
        return []
    soon = f"ends within {limit} day{'s' if limit > 1 else ''}" if days > 0 else "has ended"
    message = f"A certificate of single sign-on {soon}: then nobody comes in by its connection."
    advice = "Give the provider's next certificate beside it by `updateSsoConnection`, or a new key of ours."
    severity = HealthStatus.WARNING if limit == WARNED[-1] else HealthStatus.CRITICAL
    named = _named(NodeKind.SSO_CONNECTION, [each.id for each in connections])
    return [Issue(IssueCode.SSO_CERTIFICATE_EXPIRING, severity, message, advice, days, limit, named)]


def _named(kind: NodeKind, ids: Sequence[UUID]) -> list[tuple[NodeKind, UUID]]:
    return [(kind, id_) for id_ in ids[:MOST_NAMED]]


def _near(code: IssueCode, what: str, measured: int, limit: int | None) -> list[Issue]:
    if limit is None or measured < _NEAR * limit:
        return []
    severity = HealthStatus.CRITICAL if measured >= limit else HealthStatus.WARNING
    message = f"{measured:,} of {limit:,} {what}."
    return [Issue(code, severity, message, "Use less, or change to a larger plan.", measured, limit)]
