"""Who is in charge of an organization is told by e-mail what is wrong with it: once, and together.

Looked at every few minutes, when usage is measured.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from harka import clock
from harka.analytics.health import Health, HealthStatus, Issue
from harka.learning import mail
from harka.learning.mail import AlertLine
from harka.learning.work import UnitOfWork
from harka.repositories import alert as alerts
from harka.repositories.alert import HealthAlert

STANDING: Final = timedelta(minutes=5)
"""What is gone before that is told to nobody."""
GONE: Final = timedelta(minutes=15)
"""What was not there for so long begins anew."""
FORGOTTEN: Final = timedelta(days=1)
"""What was not there for so long is news when it comes again."""
DIGEST: Final = timedelta(days=1)
"""From one e-mail to the next, while nothing is critical."""
_RANK: Final = [str(status) for status in HealthStatus]
"""Nothing was told yet is as good as healthy."""


class Verdict(msgspec.Struct, frozen=True):
    """`known`: what is to be remembered, `forgotten`: what not. `told`: what to tell now, the news first."""

    known: Sequence[HealthAlert]
    forgotten: Sequence[str]
    told: Sequence[Issue]


async def watch(work: UnitOfWork, health: Health) -> Sequence[Issue]:
    """Put in the e-mails of what is to be told now; what that is."""
    held = await alerts.lock(work.session)
    if not held and not health.issues:
        return ()
    verdict = decide({each.code: each for each in held}, health.issues, clock.now())
    if verdict.known:
        await alerts.write(work.session, verdict.known)
    if verdict.forgotten:
        await alerts.delete(work.session, verdict.forgotten)
    if verdict.told:
        await mail.post_alerts(work, [_line(issue) for issue in verdict.told])
    return verdict.told


def decide(held: Mapping[str, HealthAlert], issues: Sequence[Issue], now: datetime) -> Verdict:
    """What is critical is told when it stands; what is not, with that, or when none was told for a day."""
    known = {issue.code: _seen(held.get(issue.code), issue, now) for issue in issues}
    news = [issue for issue in issues if _is_news(known[issue.code], issue, now)]
    last = max((each.told_at for each in held.values() if each.told_at is not None), default=None)
    is_urgent = any(issue.severity is HealthStatus.CRITICAL for issue in news)
    told: list[Issue] = []
    if is_urgent or (news and (last is None or now - last >= DIGEST)):
        told = [*news, *(issue for issue in issues if issue not in news and known[issue.code].told_at)]
        for issue in news:
            known[issue.code] = msgspec.structs.replace(
                known[issue.code], told_severity=str(issue.severity), told_at=now
            )
    forgotten = [
        each.code for each in held.values() if each.code not in known and now - each.seen_at >= FORGOTTEN
    ]
    return Verdict([*known.values()], forgotten, told)


def _seen(held: HealthAlert | None, issue: Issue, now: datetime) -> HealthAlert:
    if held is None or now - held.seen_at >= FORGOTTEN:
        return HealthAlert(str(issue.code), now, now)
    since = now if now - held.seen_at >= GONE else held.since
    return msgspec.structs.replace(held, since=since, seen_at=now)


def _is_news(held: HealthAlert, issue: Issue, now: datetime) -> bool:
    return now - held.since >= STANDING and _rank(issue.severity) > _rank(held.told_severity)


def _rank(severity: str | None) -> int:
    return 0 if severity is None else _RANK.index(severity)


def _line(issue: Issue) -> AlertLine:
    return AlertLine(str(issue.code), str(issue.severity), issue.measured, issue.limit)
