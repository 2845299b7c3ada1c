"""Reads an export into an organization, through the rules that a mutation goes through.

The organization may have people and courses already; what has the same address is that person, what has a
name or code that is taken is refused. Everything gets ids, versions and moments of its own here; what people
did keeps its moments. Files of which the export does not hold what is in them stay behind, with what shows
them or was handed in with them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec

from harka.errors import BadRequestError
from harka.ids import new_id
from harka.learning import (
    category,
    completion,
    enrollment,
    group,
    group_member,
    path,
    path_enrollment,
    progress,
    quiz_record,
    role,
    submission,
    tag,
    user,
)
from harka.learning.batch import batches
from harka.learning.completion import CompletionEntry
from harka.learning.enrollment import EnrollmentChanges, EnrollmentEntry, WithdrawalEntry
from harka.learning.group_member import MOST_MEMBERS
from harka.learning.path import PathDraft
from harka.learning.progress import ProgressEntry
from harka.learning.quiz_record import AttemptEntry
from harka.learning.submission import SubmissionEntry
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.onboarding.restore_course import Ids, archive_courses, restore_courses
from harka.onboarding.restore_file import Contents
from harka.repositories import user as users
from harka.repositories.completion import Completion
from harka.repositories.enrollment import Enrollment, EnrollmentStatus
from harka.repositories.path import PathStatus
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.progress import LessonProgress
from harka.repositories.submission import Submission
from harka.repositories.user import User, UserStatus

Lines = Callable[[str], Iterable[bytes]]
"""The lines of a part of an export, by its file name."""

Row = dict[str, Any]
_ROWS: Final = msgspec.json.Decoder(dict[str, Any])


class Restored(msgspec.Struct, frozen=True):
    """How many there are of each noun now that came, and how many stayed behind for want of a file."""

    came: dict[str, int]
    left: dict[str, int]


async def restore(work: UnitOfWork, lines: Lines, contents: Contents | None = None) -> Restored:
    """In one unit: keep it, or undo it after an error, and what was written of `contents` with it.

    Raise `BadRequestError` for what is no whole export, and what the rules raise.
    """
    try:
        return await _restore(work, lines, contents)
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise BadRequestError("These files are not a whole export.") from error


async def _restore(work: UnitOfWork, lines: Lines, contents: Contents | None) -> Restored:
    ids: Ids = {}
    left: Counter[str] = Counter()
    for noun, rows in (("categories", category), ("tags", tag)):
        for each in _rows(lines, noun):
            ids[_id(each)] = (await rows.create(work, each["name"])).id
    for each in _rows(lines, "roles"):
        made = await role.create(work, name=each["name"], permissions=each["permissions"])
        ids[_id(each)] = made.id
    people = [msgspec.convert(each, User) for each in _rows(lines, "users")]
    await _restore_users(work, people, ids)
    await _restore_groups(work, list(_rows(lines, "groups")), ids)
    for each in _rows(lines, "files"):
        owner = None if each["user_id"] is None else ids[UUID(each["user_id"])]
        brought = None if contents is None else await contents.bring(work, each, owner)
        if brought is None:
            left["files"] += 1
        else:
            ids[_id(each)] = brought
    courses = list(_rows(lines, "courses"))
    await restore_courses(work, courses, ids, left)
    await _restore_paths(work, _rows(lines, "learning_paths"), ids)
    await _restore_enrollments(work, lines, ids)
    await _restore_submissions(work, lines, ids, left)
    await _restore_attempts(work, lines, ids)
    await _restore_path_enrollments(work, lines, ids)
    # what would have kept others from being enrolled comes last
    await archive_courses(work, courses, ids)
    for person in people:
        if person.status == UserStatus.INACTIVE:
            await user.deactivate(work, ids[person.id])
    came = {"users": len(people), "courses": len(courses), "all": len(ids)}
    return Restored(came, {noun: number for noun, number in left.items() if number})


async def _restore_users(work: UnitOfWork, people: Sequence[User], ids: Ids) -> None:
    for batch in batches(people):
        known = {
            each.email.lower(): each.id
            for each in await users.find_by_emails(work.session, [person.email for person in batch])
        }
        fresh = [person for person in batch if person.email.lower() not in known]
        made = await user.create_many(work, [_user_draft(person, ids) for person in fresh])
        ids.update((person.id, new.id) for person, new in zip(fresh, made, strict=True))
        ids.update((person.id, known[person.email.lower()]) for person in batch if person not in fresh)


def _user_draft(person: User, ids: Ids) -> UserDraft:
    named = {} if person.role_id is not None else {"role": person.role}
    return UserDraft(
        email=person.email,
        name=person.name,
        locale=person.locale,
        timezone=person.timezone,
        role_id=None if person.role_id is None else ids[person.role_id],
        **named,
    )


async def _restore_groups(work: UnitOfWork, groups: Sequence[Row], ids: Ids) -> None:
    """Those above before those below, whichever was made first."""
    waiting = list(groups)
    while waiting:
        ready = [each for each in waiting if each["parent_id"] is None or UUID(each["parent_id"]) in ids]
        if not ready:
            raise BadRequestError("Groups are below groups that are not there.")
        for each in ready:
            parent = each["parent_id"]
            made = await group.create(
                work, name=each["name"], parent_id=None if parent is None else ids[UUID(parent)]
            )
            ids[_id(each)] = made.id
            members = [ids[UUID(id_)] for id_ in each["user_ids"]]
            for batch in batches(members, MOST_MEMBERS):
                await group_member.add(work, made.id, batch)
        waiting = [each for each in waiting if _id(each) not in ids]


async def _restore_paths(work: UnitOfWork, paths: Iterable[Row], ids: Ids) -> None:
    for each in paths:
        draft = PathDraft(
            title=each["title"],
            description=each["description"],
            course_ids=[ids[UUID(id_)] for id_ in each["course_ids"]],
            is_sequential=each["is_sequential"],
            required_count=each["required_count"],
            awards_certificate=each["awards_certificate"],
            certificate_days=each["certificate_days"],
        )
        made = await path.create(work, draft)
        ids[_id(each)] = made.id
        if each["published_at"] is not None:
            await path.publish(work, made.id)
        if each["status"] == PathStatus.ARCHIVED:
            await path.archive(work, made.id)


async def _restore_enrollments(work: UnitOfWork, lines: Lines, ids: Ids) -> None:
    """Who left a course and came back has several: one after the other, the first of everybody's first."""
    every = [msgspec.convert(each, Enrollment) for each in _rows(lines, "enrollments")]
    completed = {
        each.enrollment_id: each
        for each in (msgspec.convert(row, Completion) for row in _rows(lines, "completions"))
    }
    steps: dict[UUID, list[LessonProgress]] = {}
    for row in _rows(lines, "lesson_progress"):
        step = msgspec.convert(row, LessonProgress)
        steps.setdefault(step.enrollment_id, []).append(step)
    for turn in _turns(every):
        made = await enrollment.enroll_many(work, [_enrollment_entry(each, ids) for each in turn])
        ids.update((each.id, new.id) for each, new in zip(turn, made, strict=True))
        # first: what is worked out from progress then keeps the moment and the score
        await completion.complete_many(
            work, [_completion_entry(completed[each.id], ids) for each in turn if each.id in completed]
        )
        await progress.record_many(
            work, [_progress_entry(step, ids) for each in turn for step in steps.get(each.id, ())]
        )
        withdrawn = [each for each in turn if each.status == EnrollmentStatus.WITHDRAWN]
        await enrollment.unenroll_many(
            work,
            [
                WithdrawalEntry(enrollment_id=ids[each.id], withdrawn_at=each.withdrawn_at)
                for each in withdrawn
            ],
        )
        for each in turn:
            if each.expires_at is not None and each.status != EnrollmentStatus.WITHDRAWN:
                changes = EnrollmentChanges(expires_at=each.expires_at)
                await enrollment.update(work, ids[each.id], changes)


def _turns(every: Sequence[Enrollment]) -> Iterator[list[Enrollment]]:
    """In each, a person is in a course once."""
    seen: Counter[tuple[UUID, UUID]] = Counter()
    numbered = []
    for each in every:
        numbered.append((seen[each.user_id, each.course_id], each))
        seen[each.user_id, each.course_id] += 1
    numbered.sort(key=lambda pair: pair[0])
    for _, turn in groupby(numbered, key=lambda pair: pair[0]):
        yield [each for _, each in turn]


def _enrollment_entry(each: Enrollment, ids: Ids) -> EnrollmentEntry:
    return EnrollmentEntry(
        user_id=ids[each.user_id],
        course_id=ids[each.course_id],
        enrolled_at=each.enrolled_at,
        due_at=each.due_at,
    )


def _completion_entry(each: Completion, ids: Ids) -> CompletionEntry:
    return CompletionEntry(
        enrollment_id=ids[each.enrollment_id], completed_at=each.completed_at, score=each.score
    )


def _progress_entry(step: LessonProgress, ids: Ids) -> ProgressEntry:
    return ProgressEntry(
        enrollment_id=ids[step.enrollment_id],
        lesson_id=ids[step.lesson_id],
        fraction=step.fraction,
        score=step.score,
        occurred_at=step.occurred_at,
    )


async def _restore_submissions(work: UnitOfWork, lines: Lines, ids: Ids, left: Counter[str]) -> None:
    entries = []
    for row in _rows(lines, "submissions"):
        file_ids = [UUID(id_) for id_ in row["file_ids"]]
        if any(id_ not in ids for id_ in file_ids):
            left["submissions"] += 1
            continue
        each = msgspec.convert(row, Submission)
        entries.append(
            SubmissionEntry(
                enrollment_id=ids[each.enrollment_id],
                assignment_id=ids[each.assignment_id],
                text=each.text,
                submitted_at=each.submitted_at,
                is_late=each.is_late,
                score=each.score,
                feedback=each.feedback,
                graded_at=each.graded_at,
                file_ids=[ids[id_] for id_ in file_ids],
            )
        )
    await submission.record_many(work, entries)


async def _restore_attempts(work: UnitOfWork, lines: Lines, ids: Ids) -> None:
    """They ask what they asked, also of what was taken out of the quiz since."""

    def here(id_: UUID) -> UUID:
        return ids.setdefault(id_, new_id())

    entries = []
    for row in _rows(lines, "quiz_attempts"):
        each = msgspec.convert(row, AttemptEntry)
        answers = each.answers
        entries.append(
            msgspec.structs.replace(
                each,
                quiz_id=ids[each.quiz_id],
                enrollment_id=ids[each.enrollment_id],
                questions=[msgspec.structs.replace(asked, id=here(asked.id)) for asked in each.questions],
                answers=None
                if answers is None
                else [msgspec.structs.replace(told, question_id=here(told.question_id)) for told in answers],
            )
        )
    await quiz_record.record_many(work, entries)


async def _restore_path_enrollments(work: UnitOfWork, lines: Lines, ids: Ids) -> None:
    for row in _rows(lines, "learning_path_enrollments"):
        each = msgspec.convert(row, PathEnrollment)
        way = ids[each.path_id]
        found = (await path.find_many(work, [way]))[way]
        if found.status != PathStatus.PUBLISHED:
            await path.publish(work, way)
        put = await path_enrollment.enroll(work, user_id=ids[each.user_id], path_id=way)
        ids[each.id] = put.enrollment.id
        if each.status == EnrollmentStatus.WITHDRAWN:
            await path_enrollment.withdraw(work, put.enrollment.id)
        if found.status != PathStatus.PUBLISHED:
            await path.archive(work, way)


def _rows(lines: Lines, noun: str) -> Iterator[Row]:
    """Raise `msgspec.DecodeError` for what is no object in JSON."""
    return (_ROWS.decode(line) for line in lines(f"{noun}.jsonl") if line.strip())


def _id(row: Row) -> UUID:
    return UUID(row["id"])
