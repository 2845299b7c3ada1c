"""The courses of an export, with what is in their lessons."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from harka.learning import assignment, content, course, lesson, module, quiz, quiz_question, tag, unlock
from harka.learning.assignment import AssignmentDraft
from harka.learning.content import ContentDraft, ContentKind
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_question import QuestionDraft
from harka.learning.unlock import UnlockRules
from harka.learning.work import UnitOfWork
from harka.repositories.course import CourseStatus
from harka.repositories.unlock import Unlock

Row = dict[str, Any]
Ids = dict[UUID, UUID]
"""Of what was, what it is here."""


async def restore_courses(work: UnitOfWork, courses: Sequence[Row], ids: Ids, left: Counter[str]) -> None:
    """Published where they once were, archived ones too, for who is enrolled next; then `archive_courses`."""
    for each in courses:
        made = await course.create(work, _draft(each, ids))
        ids[UUID(each["id"])] = made.id
        lessons = [row for part in each["modules"] for row in part["lessons"]]
        found = (await lesson.by_course(work, [made.id])).get(made.id, ())
        for row, new in zip(lessons, found, strict=True):
            ids[UUID(row["id"])] = new.id
            await _fill(work, row, new.id, ids, left)
        await _restore_rules(work, made.id, each["modules"], ids)
        if each["tag_ids"]:
            wanted = [ids[UUID(id_)] for id_ in each["tag_ids"]]
            version = (await course.find_many(work, [made.id]))[made.id].version
            await tag.set_of_course(work, made.id, wanted, version=version)
        if each["published_at"] is not None:
            await course.publish(work, made.id)


async def _restore_rules(work: UnitOfWork, course_id: UUID, parts: Sequence[Row], ids: Ids) -> None:
    """When its modules open. They are in the same order here."""
    found = (await module.by_course(work, [course_id])).get(course_id, ())
    ids.update((UUID(part["id"]), new.id) for part, new in zip(parts, found, strict=True))
    for part, new in zip(parts, found, strict=True):
        rules = part.get("unlock")
        if rules is not None:
            kept = msgspec.convert(rules, Unlock)
            wanted = UnlockRules(
                opens_at=kept.opens_at,
                opens_after_days=kept.opens_after_days,
                requires=[ids[id_] for id_ in kept.requires],
            )
            await unlock.set_rules(work, new.id, wanted, version=new.version)


async def archive_courses(work: UnitOfWork, courses: Sequence[Row], ids: Ids) -> None:
    for each in courses:
        if each["status"] == CourseStatus.ARCHIVED:
            await course.archive(work, ids[UUID(each["id"])])


def _draft(each: Row, ids: Ids) -> CourseDraft:
    sorted_by = each["category_id"]
    kept = {name: each[name] for name in CourseDraft.__struct_fields__ if name in each}
    outline = tuple(
        ModuleOutline(part["title"], tuple(msgspec.convert(row, LessonOutline) for row in part["lessons"]))
        for part in each["modules"]
    )
    return CourseDraft(
        **{
            **kept,
            "modules": outline,
            "category_id": None if sorted_by is None else ids[UUID(sorted_by)],
        }
    )


async def _fill(work: UnitOfWork, row: Row, lesson_id: UUID, ids: Ids, left: Counter[str]) -> None:
    """Quizzes before the items that show them."""
    for each in row["quizzes"]:
        made = await quiz.create(work, lesson_id, msgspec.convert(each, QuizDraft))
        ids[UUID(each["id"])] = made.id
        for asked in each["questions"]:
            question = await quiz_question.create(work, made.id, msgspec.convert(asked, QuestionDraft))
            ids[UUID(asked["id"])] = question.id
    for each in row["content"]:
        filed = None if each["file_id"] is None else ids.get(UUID(each["file_id"]))
        if each["kind"] == ContentKind.FILE and filed is None:
            left["content"] += 1
            continue
        shown = None if each["quiz_id"] is None else ids[UUID(each["quiz_id"])]
        draft = msgspec.convert({**each, "quiz_id": None, "file_id": None}, ContentDraft)
        named = msgspec.structs.replace(draft, quiz_id=shown, file_id=filed)
        await content.create(work, lesson_id, named)
    for each in row["assignments"]:
        handed = await assignment.create(work, lesson_id, msgspec.convert(each, AssignmentDraft))
        ids[UUID(each["id"])] = handed.id
