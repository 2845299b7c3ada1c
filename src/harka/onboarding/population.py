"""Fills one demo tenant: its part of the dataset, through the same rules a mutation goes through."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.auth.permissions import Role
from harka.learning import course, enrollment, lesson, progress, user
from harka.learning.enrollment import EnrollmentEntry, WithdrawalEntry
from harka.learning.progress import ProgressEntry
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.onboarding.curriculum import TaughtCourse
from harka.onboarding.dataset import Registration, Result
from harka.onboarding.partition import Part
from harka.onboarding.transcript import End, transcript
from harka.repositories.enrollment import Enrollment

Courses = Mapping[tuple[str, str], TaughtCourse]
Results = Mapping[tuple[int, int], Result]

# of the domain names reserved for documentation (RFC 2606): nobody's mail
_DOMAIN: Final = "example"


class _Taken(msgspec.Struct, frozen=True):
    """A course as it stands in the tenant. `lessons`: ids by key."""

    id: UUID
    taught: TaughtCourse
    lessons: Mapping[int, UUID]


async def is_empty(work: UnitOfWork) -> bool:
    """Whether nobody has filled the tenant yet: it is filled in one transaction, wholly or not at all."""
    return await user.count(work) == 0


async def populate(work: UnitOfWork, part: Part, courses: Courses, results: Results) -> None:
    """Everything of `part`, in the order of time."""
    taken = await _create_courses(work, part, courses)
    learners = await _create_users(work, part, [each.taught for each in taken.values()])
    rows: list[Registration] = []
    enrolled: list[Enrollment] = []
    # the rule function orders what it is given by id: one call for each start keeps the order of time
    for starting in _by_start(part, courses):
        rows += starting
        enrolled += await enrollment.enroll_many(
            work, [_enrollment(learners[row.learner], taken[_key(row)]) for row in starting]
        )
    steps: list[ProgressEntry] = []
    withdrawals: list[WithdrawalEntry] = []
    for row, made in zip(rows, enrolled, strict=True):
        own_steps, withdrawal = _fared(row, made, taken[_key(row)], results)
        steps += own_steps
        withdrawals += withdrawal
    await progress.record_many(work, steps)
    await enrollment.unenroll_many(work, withdrawals)


def _by_start(part: Part, courses: Courses) -> list[list[Registration]]:
    grouped: defaultdict[datetime, list[Registration]] = defaultdict(list)
    for row in part.registrations:
        grouped[courses[_key(row)].starts].append(row)
    return [grouped[start] for start in sorted(grouped)]


async def _create_courses(work: UnitOfWork, part: Part, courses: Courses) -> dict[tuple[str, str], _Taken]:
    keys = sorted({_key(row) for row in part.registrations}, key=lambda key: (courses[key].starts, key))
    made = await course.create_many(work, [courses[key].draft for key in keys])
    outlines = await lesson.by_course(work, [each.id for each in made])
    return {
        key: _Taken(
            id=each.id,
            taught=courses[key],
            lessons={
                lesson_key: row.id
                for lesson_key, row in zip(courses[key].keys, outlines[each.id], strict=True)
            },
        )
        for key, each in zip(keys, made, strict=True)
    }


async def _create_users(work: UnitOfWork, part: Part, courses: list[TaughtCourse]) -> dict[int, UUID]:
    """Staff first, then learners as they first appear; answers the learners' ids by their number."""
    staff = list(_staff(part, courses))
    learners = sorted(
        {row.learner for row in part.registrations},
        key=_first_appearances(part).__getitem__,
    )
    drafts = [
        UserDraft(name=f"Learner {learner}", email=f"learner-{learner}@{part.slug}.{_DOMAIN}")
        for learner in learners
    ]
    made = await user.create_many(work, [*staff, *drafts])
    return {learner: row.id for learner, row in zip(learners, made[len(staff) :], strict=True)}


def _staff(part: Part, courses: list[TaughtCourse]) -> Iterator[UserDraft]:
    yield UserDraft(name=f"Owner of {part.name}", email=f"owner@{part.slug}.{_DOMAIN}", role=Role.OWNER)
    for each in courses:
        yield UserDraft(
            name=f"Instructor of {each.draft.code}",
            email=f"instructor-{each.draft.code.lower()}@{part.slug}.{_DOMAIN}",
            role=Role.INSTRUCTOR,
        )


def _first_appearances(part: Part) -> dict[int, tuple[str, int]]:
    """For sorting. Presentation codes sort as time does: 2013B, 2013J, 2014B, 2014J."""
    first: dict[int, tuple[str, int]] = {}
    for row in part.registrations:
        mark = row.presentation, row.learner
        first[row.learner] = min(first.get(row.learner, mark), mark)
    return first


def _enrollment(learner: UUID, taken: _Taken) -> EnrollmentEntry:
    return EnrollmentEntry(
        user_id=learner,
        course_id=taken.id,
        enrolled_at=taken.taught.starts,
        due_at=taken.taught.ends,
    )


def _fared(
    row: Registration, made: Enrollment, taken: _Taken, results: Results
) -> tuple[list[ProgressEntry], list[WithdrawalEntry]]:
    told = transcript(row, taken.taught, results)
    steps = [
        ProgressEntry(
            enrollment_id=made.id,
            lesson_id=taken.lessons[step.lesson],
            fraction=1.0,
            score=step.score,
            occurred_at=step.at,
        )
        for step in told.steps
    ]
    withdrawn = told.end is End.WITHDRAWN
    return steps, [WithdrawalEntry(enrollment_id=made.id, withdrawn_at=told.ended_at)] if withdrawn else []


def _key(row: Registration) -> tuple[str, str]:
    return row.module, row.presentation
