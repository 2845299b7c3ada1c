"""A lesson that somebody need not do counts as done, and it is known who said so."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import enrollment, progress, waiver
from harka.learning.enrollment import EnrollmentChanges
from harka.learning.progress import Recorded
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


class Ground:
    """A manager, and a learner in a course of two lessons."""

    def __init__(self, academy: Academy, manager: User, enrolled: UUID, lessons: list[UUID]) -> None:
        self.academy, self.manager, self.enrolled, self.lessons = academy, manager, enrolled, lessons

    async def waive(
        self,
        lesson: int | UUID = 0,
        reason: str = "Knows it",
        *,
        enrolled: UUID | None = None,
        by: TenantContext | None = None,
    ) -> Recorded:
        async with self.academy.work(by or self.academy.acting(self.manager)) as work:
            return await waiver.waive(
                work,
                enrollment_id=enrolled or self.enrolled,
                lesson_id=lesson if isinstance(lesson, UUID) else self.lessons[lesson],
                reason=reason,
            )


async def begin(academy: Academy) -> Ground:
    course = await academy.course(required=(1,))
    enrolled = await academy.enrollment(await academy.user(), course)
    lessons = [lesson.id for lesson in await academy.lessons(course)]
    return Ground(academy, await academy.user("manager"), enrolled.id, lessons)


@pytest.fixture
async def ground(academy: Academy) -> Ground:
    return await begin(academy)


async def test_a_waived_lesson_counts_as_done(academy: Academy, ground: Ground) -> None:
    before = clock.now()
    first = await ground.waive(0, "  Knows it ")
    assert academy.statements == 3
    row = first.progress
    assert (row.fraction, row.score, row.waived_by, row.waive_reason) == (
        *(1, None),
        ground.manager.id,
        "Knows it",
    )
    assert row.waived_at is not None
    assert before <= row.waived_at <= clock.now()
    assert (first.changed, first.completed, first.enrollment.progress) == (True, False, 0.5)
    last = await ground.waive(1)
    assert (last.completed, last.enrollment.status) == (True, "completed")
    assert len(await academy.rows("completion")) == 1


async def test_what_was_begun_is_kept_and_what_was_done_is_not_waived(
    academy: Academy, ground: Ground
) -> None:
    async with academy.work() as work:
        for lesson, fraction in ((0, 0.5), (1, 1)):
            await progress.record(
                work,
                enrollment_id=ground.enrolled,
                lesson_id=ground.lessons[lesson],
                fraction=fraction,
                score=70,
            )
    begun = await ground.waive(0)
    assert (begun.changed, begun.progress.score, begun.progress.fraction) == (True, 70, 1)
    state = await academy.state()
    for lesson, reason in ((0, "Knows it"), (1, None)):
        again = await ground.waive(lesson, "Again")
        assert (again.changed, again.completed, again.progress.waive_reason) == (False, False, reason)
    assert await academy.state() == state


async def test_many_at_once_waive_once(academy: Academy, ground: Ground) -> None:
    outcomes = await asyncio.gather(*(ground.waive(n % 2) for n in range(20)))
    assert sum(each.changed for each in outcomes) == 2
    assert sum(each.completed for each in outcomes) == 1


async def test_listeners_hear_of_it(academy: Academy, ground: Ground) -> None:
    topic = f"progress:{ground.enrolled}"
    async with academy.parts.pubsub.subscribe(academy.organization.id, topic) as events:
        await ground.waive(0)
        assert (await anext(events)).payload["progress"] == 0.5


async def test_a_program_waives_in_nobodys_name(academy: Academy, ground: Ground) -> None:
    done = await ground.waive(by=academy.key(Permission.ENROLLMENT_WRITE))
    assert (done.progress.waived_by, done.progress.waive_reason) == (None, "Knows it")


async def test_an_expired_enrollment_may_be_waived(academy: Academy, ground: Ground) -> None:
    async with academy.work() as work:
        await enrollment.update(work, ground.enrolled, EnrollmentChanges(expires_at=clock.now()))
    assert (await ground.waive()).changed


async def test_what_cannot_be_waived_changes_nothing(
    academy: Academy, rival: Academy, ground: Ground
) -> None:
    (elsewhere, *_), foreign = await academy.lessons(await academy.course()), await begin(rival)
    for values, error, field in (
        ({"reason": " "}, ValidationError, "reason"),
        ({"reason": "x" * 501}, ValidationError, "reason"),
        ({"reason": "a\0b"}, ValidationError, "reason"),
        ({"lesson": elsewhere.id}, NotFoundError, "lessonId"),
        ({"lesson": foreign.lessons[0]}, NotFoundError, "lessonId"),
        ({"enrolled": foreign.enrolled}, NotFoundError, "enrollmentId"),
        ({"enrolled": new_id()}, NotFoundError, "enrollmentId"),
    ):
        with pytest.raises(error) as caught:
            await ground.waive(**values)  # type: ignore[arg-type]  # by name
        assert caught.value.field == field
    for role in ("learner", "instructor"):
        with pytest.raises(ForbiddenError):
            await ground.waive(by=academy.acting(await academy.user(role)))
        assert academy.statements == 0
    async with academy.work() as work:
        await enrollment.unenroll(work, ground.enrolled)
    with pytest.raises(ConflictError):
        await ground.waive()
    assert await academy.rows("lesson_progress") == []


async def test_who_is_no_administrator_of_everybody_does_not_waive_their_own(
    academy: Academy, ground: Ground
) -> None:
    (course_id,) = {UUID(row["course_id"]) for row in await academy.rows("enrollment")}
    for role, bound, may in (("manager", False, False), ("admin", True, False), ("admin", False, True)):
        person = await academy.user(role)
        async with academy.work() as work:
            own = (await enrollment.enroll(work, user_id=person.id, course_id=course_id)).enrollment
        acting = msgspec.structs.replace(academy.acting(person), manages_groups=bound)
        if may:
            assert (await ground.waive(enrolled=own.id, by=acting)).changed
            continue
        with pytest.raises(ConflictError) as caught:
            await ground.waive(enrolled=own.id, by=acting)
        assert caught.value.field == "enrollmentId"
        assert await academy.rows("lesson_progress") == []


async def test_any_script_is_a_reason(academy: Academy, ground: Ground) -> None:
    done = await ground.waive(reason="معفى 🎓")
    assert done.progress.waive_reason == "معفى 🎓"
