"""Who is in charge is told what is wrong: once, when it stands, and together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.analytics import alert
from harka.analytics.alert import DIGEST, FORGOTTEN, GONE, STANDING, Verdict, decide, watch
from harka.analytics.health import Health, HealthStatus, Issue, IssueCode
from harka.learning import group, group_manager, mail_topic
from harka.learning.mail import Kind, Mail, MailTopic
from harka.queue.message import SEND_MAIL
from harka.repositories.alert import HealthAlert

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
WARNING, CRITICAL = HealthStatus.WARNING, HealthStatus.CRITICAL
MINUTE = timedelta(minutes=1)


def issue(code: IssueCode = IssueCode.JOBS_FAILED, severity: HealthStatus = WARNING) -> Issue:
    return Issue(code, severity, "x", "y", 3.0)


class Looks:
    """One after the other, each after so long."""

    def __init__(self) -> None:
        self.held: dict[str, HealthAlert] = {}
        self.now = NOW

    def look(self, after: timedelta, *issues: Issue) -> list[str]:
        """The codes of what is told."""
        self.now += after
        verdict: Verdict = decide(self.held, issues, self.now)
        self.held |= {each.code: each for each in verdict.known}
        for code in verdict.forgotten:
            del self.held[code]
        return [str(each.code) for each in verdict.told]


def test_what_stands_is_told_once() -> None:
    looks = Looks()
    assert looks.look(MINUTE, issue()) == []
    assert looks.look(STANDING - MINUTE, issue()) == []
    assert looks.look(MINUTE, issue()) == ["jobs_failed"]
    for _ in range(300):
        assert looks.look(GONE - MINUTE, issue()) == []


def test_what_is_soon_gone_is_told_to_nobody() -> None:
    looks = Looks()
    for _ in range(20):
        assert looks.look(GONE, issue()) == []
        assert looks.look(MINUTE) == []


def test_what_comes_and_goes_is_told_once_and_is_news_a_day_after_it_went() -> None:
    looks = Looks()
    looks.look(MINUTE, issue())
    assert looks.look(STANDING, issue()) == ["jobs_failed"]
    for _ in range(20):
        assert looks.look(GONE) == []
        assert looks.look(MINUTE, issue()) == []
        assert looks.look(STANDING, issue()) == []
    assert looks.look(FORGOTTEN) == []
    assert looks.held == {}
    looks.look(MINUTE, issue())
    assert looks.look(STANDING, issue()) == ["jobs_failed"]


def test_what_gets_worse_is_told_again_and_what_gets_better_is_not() -> None:
    looks = Looks()
    worse = issue(severity=CRITICAL)
    looks.look(MINUTE, issue())
    assert looks.look(STANDING, issue()) == ["jobs_failed"]
    assert looks.look(MINUTE, worse) == ["jobs_failed"]
    assert looks.look(MINUTE, issue()) == []
    assert looks.look(MINUTE, worse) == []


def test_warnings_are_one_e_mail_a_day_and_come_with_what_is_critical() -> None:
    looks = Looks()
    first, second = issue(), issue(IssueCode.CERTIFICATES_EXPIRING)
    looks.look(MINUTE, first)
    assert looks.look(STANDING, first) == ["jobs_failed"]
    looks.look(MINUTE, first, second)
    assert looks.look(STANDING, first, second) == []
    for _ in range(DIGEST // (GONE - MINUTE)):
        assert looks.look(GONE - MINUTE, first, second) == []
    # the news first, and what is known and stands beside it
    assert looks.look(GONE - MINUTE, first, second) == ["certificates_expiring", "jobs_failed"]
    third, fourth = issue(IssueCode.FIGURES_STALE), issue(IssueCode.WEBHOOKS_PAUSED, CRITICAL)
    looks.look(MINUTE, third, fourth)
    assert looks.look(STANDING, third, fourth) == ["figures_stale", "webhooks_paused"]


async def mails(academy: Academy) -> list[Mail]:
    rows = [each for each in await academy.rows("job") if each["type"] == SEND_MAIL]
    return [msgspec.convert(each["payload"], Mail) for each in rows]


async def looked(academy: Academy, *issues: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it stood."""
    monkeypatch.setattr(alert, "STANDING", timedelta(0))
    async with academy.work() as work:
        await watch(work, Health(CRITICAL, issues))


def saying(academy: Academy, **mail: Any) -> Academy:
    organization = msgspec.structs.replace(academy.organization, settings={"mail": mail})
    return Academy(academy.parts, organization)


async def test_it_is_for_who_is_in_charge_and_wants_it(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [await academy.user("admin"), await academy.user("owner")]
    for role in ("learner", "instructor", "manager"):
        await academy.user(role)
    await academy.user("admin", status="inactive")
    bound, refusing = await academy.user("admin"), await academy.user("owner")
    await academy.user("manager")
    async with academy.work(academy.acting(refusing)) as work:
        await mail_topic.choose(work, MailTopic.HEALTH_ALERTS, subscribed=False)
    async with academy.work() as work:
        team = await group.create(work, name="Team")
        await group_manager.assign(work, team.id, bound.id)
    await looked(academy, issue(severity=CRITICAL), monkeypatch=monkeypatch)
    sent = await mails(academy)
    assert {each.about for each in sent} == {each.id for each in told}
    assert {each.kind for each in sent} == {Kind.ALERT}
    assert [(each.code, each.severity, each.measured) for each in sent[0].lines] == [
        ("jobs_failed", "critical", 3.0)
    ]
    # the same is not put in twice
    await looked(academy, issue(severity=CRITICAL), monkeypatch=monkeypatch)
    assert len(await mails(academy)) == len(told)


async def test_an_organization_may_want_none(academy: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    await academy.user("owner")
    await looked(saying(academy, alerts=False), issue(), monkeypatch=monkeypatch)
    assert await mails(academy) == []


async def test_what_is_well_costs_one_statement(academy: Academy) -> None:
    async with academy.work() as work:
        assert await watch(work, Health(HealthStatus.HEALTHY, ())) == ()
    assert academy.statements == 1
