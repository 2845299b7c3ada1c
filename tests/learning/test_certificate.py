"""Who completes a course that awards certificates gets one, once, by whichever door they came."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError, ValidationError
from harka.ids import new_id
from harka.learning import (
    certificate,
    completion,
    course,
    enrollment,
    group,
    group_manager,
    group_member,
    progress,
    progress_batch,
    user,
    waiver,
)
from harka.learning.certificate import CertificateState
from harka.learning.completion import CompletionEntry
from harka.learning.course import CourseChanges
from harka.learning.progress import ProgressEntry
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.certificate import Certificate
from harka.repositories.enrollment import Enrollment
from harka.repositories.user import User
from harka.tenancy.permission import Permission

DOORS = ["record", "many", "batch", "waive", "decision", "recount"]


async def complete(academy: Academy, enrolled: Enrollment, door: str = "record") -> None:
    """The only lesson of the course is done, or need not be."""
    async with academy.work() as work:
        (subject,) = (await course.find_many(work, [enrolled.course_id])).values()
    (lesson,) = await academy.lessons(subject)
    entry = ProgressEntry(enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1)
    async with academy.work() as work:
        match door:
            case "record":
                await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1)
            case "many":
                await progress.record_many(work, [entry])
            case "batch":
                await progress_batch.record(work, [entry])
            case "waive":
                await waiver.waive(work, enrollment_id=enrolled.id, lesson_id=lesson.id, reason="X")
            case "decision":
                await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.id)])
            case _:
                await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=0.5)
                await course.update(
                    work, subject.id, CourseChanges(completion_percent=50), version=subject.version
                )
                await progress.recount(work, subject.id)


async def begin(academy: Academy, *, certifies: bool = True) -> tuple[User, Enrollment]:
    learner, subject = await academy.user(), await academy.course(weights=(1,), certifies=certifies)
    return learner, await academy.enrollment(learner, subject)


async def certified(academy: Academy) -> tuple[User, Certificate]:
    learner, enrolled = await begin(academy)
    await complete(academy, enrolled)
    async with academy.work(read_only=True) as work:
        (found,) = await certificate.list_page(work, user_id=learner.id, after=None, first=9)
    return learner, found


@pytest.mark.parametrize("door", DOORS)
async def test_every_way_to_complete_awards_one(academy: Academy, door: str) -> None:
    learner, enrolled = await begin(academy)
    _, other = await begin(academy, certifies=False)
    for each in (enrolled, other):
        await complete(academy, each, door)
    async with academy.work(read_only=True) as work:
        (made,) = await certificate.list_page(work, user_id=learner.id, after=None, first=9)
        (row,) = (await enrollment.find_many(work, [enrolled.id])).values()
    assert (made.user_id, made.course_id, made.enrollment_id) == (learner.id, row.course_id, row.id)
    assert (made.holder_name, made.title) == ("Ada", "A course")
    assert made.issued_at == row.completed_at
    assert made.expires_at == made.issued_at + timedelta(days=30)
    assert re.fullmatch("[0-9a-f]{32}", made.serial)
    assert len(await academy.rows("certificate")) == 1


async def test_ten_at_once_award_one_and_serials_differ(academy: Academy) -> None:
    _, enrolled = await begin(academy)
    await asyncio.gather(*(complete(academy, enrolled) for _ in range(10)))
    assert len(await academy.rows("certificate")) == 1
    await certified(academy)
    assert len({row["serial"] for row in await academy.rows("certificate")}) == 2


async def test_anybody_with_the_serial_verifies_it(academy: Academy, rival: Academy) -> None:
    _, made = await certified(academy)
    async with academy.work(academy.anonymous(), read_only=True) as work:
        assert await certificate.verify(work, made.serial) == made
        for wrong in ("0" * 32, made.serial.upper(), made.serial + "\n", made.serial[:-1], "", "é", "a\0"):
            assert await certificate.verify(work, wrong) is None
    assert academy.statements == 2
    async with rival.work(rival.anonymous(), read_only=True) as work:
        assert await certificate.verify(work, made.serial) is None


async def test_a_new_name_does_not_change_what_was_issued(academy: Academy) -> None:
    learner, made = await certified(academy)
    async with academy.work() as work:
        await user.update(work, learner.id, UserChanges(name="Grace"), version=1)
        await course.update(work, made.course_id, CourseChanges(title="New"), version=1)
        assert await certificate.verify(work, made.serial) == made


async def test_a_revoked_one_stays_revoked(academy: Academy) -> None:
    _, made = await certified(academy)
    assert certificate.state_of(made) == CertificateState.VALID
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await certificate.revoke(work, made.id, "Copied", version=2)
    async with academy.work() as work:
        revoked = await certificate.revoke(work, made.id, " Copied ", version=1)
        assert await certificate.revoke(work, made.id, "Again") == revoked
    assert (certificate.state_of(revoked), revoked.revoke_reason, revoked.version) == (
        CertificateState.REVOKED,
        "Copied",
        2,
    )


async def test_a_certificate_ends(academy: Academy) -> None:
    learner, enrolled = await begin(academy)
    past = enrolled.enrolled_at - timedelta(days=31)
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.id, completed_at=past)])
        (made,) = await certificate.list_page(work, user_id=learner.id, after=None, first=1)
    assert certificate.state_of(made) == CertificateState.EXPIRED


async def test_one_that_has_ended_goes_on_under_its_serial(academy: Academy) -> None:
    learner, enrolled = await begin(academy)
    past = enrolled.enrolled_at - timedelta(days=31)
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.id, completed_at=past)])
        await user.update(work, learner.id, UserChanges(name="Grace"), version=1)
        (ended,) = await certificate.list_page(work, user_id=learner.id, after=None, first=1)
        renewed = await certificate.renew(work, ended.id, version=ended.version)
        assert await certificate.verify(work, ended.serial) == renewed
    assert (renewed.id, renewed.holder_name, renewed.version) == (ended.id, "Grace", 2)
    assert certificate.state_of(renewed) == CertificateState.VALID
    assert renewed.expires_at == renewed.issued_at + timedelta(days=30)


async def test_what_cannot_be_renewed_stays(academy: Academy, rival: Academy) -> None:
    (_, soon), (_, long), (_, gone) = [await certified(academy) for _ in range(3)]
    (_, revoked), (_, foreign) = await certified(academy), await certified(rival)
    async with academy.work() as work:
        await certificate.revoke(work, revoked.id, "X")
        await course.update(work, long.course_id, CourseChanges(certificate_days=40), version=1)
        await certificate.renew(work, long.id)
        await course.update(work, gone.course_id, CourseChanges(awards_certificate=False), version=1)
    state, theirs = await academy.state(), await rival.state()
    for id_, version, error, told in (
        (soon.id, 9, ConflictError, None),
        (long.id, None, ConflictError, "within 30 days"),
        (revoked.id, None, ConflictError, "revoked"),
        (gone.id, None, ConflictError, "any more"),
        (foreign.id, None, NotFoundError, None),
        (new_id(), None, NotFoundError, None),
    ):
        with pytest.raises(error, match=told):
            async with academy.work() as work:
                await certificate.renew(work, id_, version=version)
    others = academy.key(*(set(Permission) - {Permission.ENROLLMENT_WRITE}))
    with pytest.raises(ForbiddenError):
        async with academy.work(others) as work:
            await certificate.renew(work, soon.id)
    assert (await academy.state(), await rival.state()) == (state, theirs)


async def test_what_cannot_be_revoked_stays(academy: Academy, rival: Academy) -> None:
    (_, made), (_, foreign) = await certified(academy), await certified(rival)
    state, theirs = await academy.state(), await rival.state()
    for id_, reason, error in (
        (made.id, " ", ValidationError),
        (made.id, "x" * 501, ValidationError),
        (foreign.id, "X", NotFoundError),
        (new_id(), "X", NotFoundError),
    ):
        with pytest.raises(error):
            async with academy.work() as work:
                await certificate.revoke(work, id_, reason)
    others = academy.key(*(set(Permission) - {Permission.ENROLLMENT_WRITE}))
    with pytest.raises(ForbiddenError):
        async with academy.work(others) as work:
            await certificate.revoke(work, made.id, "X")
    assert academy.statements == 0
    assert (await academy.state(), await rival.state()) == (state, theirs)


async def test_a_learner_sees_their_own(academy: Academy) -> None:
    (learner, own), (other, theirs) = await certified(academy), await certified(academy)
    async with academy.work(academy.acting(learner), read_only=True) as work:
        assert await certificate.find_many(work, [own.id, theirs.id]) == {own.id: own}
        assert await certificate.list_page(work, user_id=other.id, after=None, first=9) == []
        assert (await certificate.pages_by_user(work, [learner.id, other.id], first=9)).keys() == {learner.id}
        assert await certificate.count_by_user(work, [learner.id, other.id]) == {learner.id: 1}
    with pytest.raises(UnauthenticatedError):
        async with academy.work(academy.anonymous(), read_only=True) as work:
            await certificate.find_many(work, [own.id])


@pytest.mark.parametrize("days", [0, 36_501])
async def test_impossible_days(academy: Academy, days: int) -> None:
    subject = await academy.course()
    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await course.update(work, subject.id, CourseChanges(certificate_days=days), version=1)
    assert caught.value.field == "certificateDays"


async def test_everybody_lists_those_they_see(academy: Academy) -> None:
    (learner, own), (other, theirs) = await certified(academy), await certified(academy)
    async with academy.work() as work:
        team = await group.create(work, name="Team")
        await group_member.add(work, team.id, [other.id])
        manager = await user.create(work, UserDraft(email="m@example.com", name="M", role="instructor"))
        await group_manager.assign(work, team.id, manager.id)
    for context, seen in (
        (academy.acting(learner), [own]),
        (academy.key(Permission.ENROLLMENT_READ), [own, theirs]),
        (academy.managing(manager), [theirs]),
    ):
        async with academy.work(context, read_only=True) as work:
            assert await certificate.list_page(work, after=None, first=9) == seen
            assert await certificate.count(work) == len(seen)
            for person, found in ((learner, own), (other, theirs)):
                shown = [found] if found in seen else []
                assert await certificate.list_page(work, after=None, first=9, user_id=person.id) == shown
                assert await certificate.count(work, user_id=person.id) == len(shown)
            at_all = await certificate.by_enrollment(work, [own.enrollment_id, theirs.enrollment_id])
            assert sorted(at_all) == sorted(each.enrollment_id for each in seen)
    with pytest.raises(ForbiddenError):
        async with academy.work(academy.key(Permission.COURSE_READ), read_only=True) as work:
            await certificate.list_page(work, after=None, first=9)
    with pytest.raises(UnauthenticatedError):
        async with academy.work(academy.anonymous(), read_only=True) as work:
            await certificate.count(work)


async def test_certificates_are_narrowed_by_all_that_is_asked(academy: Academy) -> None:
    _, first = await certified(academy)
    _, second = await certified(academy)
    assert second.expires_at is not None
    async with academy.work() as work:
        await certificate.revoke(work, first.id, "X")

        async def found(**only: Any) -> list[UUID]:
            rows = await certificate.list_page(work, after=None, first=9, **only)
            assert await certificate.count(work, **only) == len(rows)
            return [row.id for row in rows]

        assert await found() == [first.id, second.id]
        assert await found(state="revoked") == [first.id]
        assert await found(state="valid") == [second.id]
        assert await found(state="expired") == []
        assert await found(course_id=second.course_id) == [second.id]
        assert await found(course_id=second.course_id, user_id=first.user_id) == []
        assert await found(path_id=new_id()) == []
        assert await found(issued_from=second.issued_at) == [second.id]
        assert await found(issued_before=second.issued_at) == [first.id]
        assert await found(expires_from=second.expires_at) == [second.id]
        assert await found(expires_before=second.expires_at) == [first.id]


async def test_who_completed_before_is_issued_one_once(academy: Academy) -> None:
    learner, enrolled = await begin(academy, certifies=False)
    manager = academy.acting(await academy.user("manager"))
    before = await academy.state()

    async def issue() -> certificate.Issuance:
        async with academy.work(manager) as work:
            return await certificate.issue(work, enrolled.id)

    with pytest.raises(ConflictError) as refused:
        await issue()
    assert (refused.value.field, await academy.state()) == ("enrollmentId", before)
    await complete(academy, enrolled)
    before = await academy.state()
    with pytest.raises(ConflictError) as refused:
        await issue()
    assert (refused.value.field, await academy.state()) == ("enrollmentId", before)
    async with academy.work() as work:
        (subject,) = (await course.find_many(work, [enrolled.course_id])).values()
        await course.update(work, subject.id, CourseChanges(awards_certificate=True), version=subject.version)
    both = await asyncio.gather(issue(), issue())
    assert sorted(each.created for each in both) == [False, True]
    assert both[0].certificate == both[1].certificate
    made = both[0].certificate
    (completed,) = await academy.rows("completion")
    assert (made.user_id, made.enrollment_id) == (learner.id, enrolled.id)
    assert made.issued_at == datetime.fromisoformat(completed["completed_at"])
    told = [row for row in await academy.rows("event") if row["type"] == "certificate.issued"]
    assert len(told) == 1
    # what was revoked is not given back by this
    async with academy.work() as work:
        await certificate.revoke(work, made.id, "Copied")
    assert not (await issue()).created
    assert len(await academy.rows("certificate")) == 1


async def test_certificates_are_issued_by_who_enrolls_people(academy: Academy, rival: Academy) -> None:
    learner, enrolled = await begin(academy)
    await complete(academy, enrolled)
    before = await academy.state()
    with pytest.raises(ForbiddenError):
        async with academy.work(academy.acting(learner)) as work:
            await certificate.issue(work, enrolled.id)
    with pytest.raises(NotFoundError):
        async with rival.work() as work:
            await certificate.issue(work, enrolled.id)
    assert await academy.state() == before
