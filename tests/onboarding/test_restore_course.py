from collections import Counter
from uuid import UUID, uuid4

import pytest

from academy import Academy
from harka.errors import ValidationError
from harka.learning import content, lesson
from harka.onboarding.restore_course import Ids, Row, archive_courses, restore_courses

FIRST, SECOND = str(uuid4()), str(uuid4())


def row(**changes: object) -> Row:
    """As `harka export` writes a course of one lesson with a text and a file."""
    lesson_row = {
        "id": str(uuid4()),
        "title": "L",
        "kind": "reading",
        "duration_minutes": 5,
        "weight": 2.0,
        "required": True,
        "quizzes": [],
        "assignments": [],
        "content": [
            {"kind": "file", "title": "F", "text": "", "url": None, "file_id": str(uuid4()), "quiz_id": None},
            {"kind": "text", "title": "T", "text": "t", "url": None, "file_id": None, "quiz_id": None},
        ],
    }
    return {
        "id": FIRST,
        "code": "C",
        "slug": "c",
        "title": "C",
        "description": "",
        "status": "published",
        "published_at": "2026-05-04T03:02:01Z",
        "seats": None,
        "completion_percent": 80,
        "awards_certificate": True,
        "certificate_days": 9,
        "category_id": None,
        "tag_ids": [],
        "modules": [{"id": str(uuid4()), "title": "M", "unlock": None, "lessons": [lesson_row]}],
        **changes,
    }


async def test_a_course_comes_with_what_is_in_its_lessons_but_files(academy: Academy) -> None:
    ids: Ids = {}
    left: Counter[str] = Counter()
    async with academy.work() as work:
        await restore_courses(work, [row(), row(id=SECOND, code="D", slug="d", status="archived")], ids, left)
        await archive_courses(work, [row(id=SECOND, status="archived")], ids)
        made = ids[UUID(FIRST)]
        ((taught,),) = (await lesson.by_course(work, [made])).values()
        shown = await content.by_lesson(work, [taught.id])
    assert (taught.title, taught.weight, taught.required) == ("L", 2.0, True)
    assert [each.title for each in shown[taught.id]] == ["T"]
    assert left == {"content": 2}
    found = {each["code"]: each for each in await academy.rows("course")}
    assert {code: each["status"] for code, each in found.items()} == {"C": "published", "D": "archived"}
    assert (found["C"]["completion_percent"], found["C"]["certificate_days"]) == (80, 9)


async def test_a_code_that_is_taken_is_refused(academy: Academy) -> None:
    async with academy.work() as work:
        await restore_courses(work, [row()], {}, Counter())
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await restore_courses(work, [row(slug="other")], {}, Counter())
