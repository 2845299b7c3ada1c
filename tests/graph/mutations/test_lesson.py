from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

CREATE = """mutation ($input: CreateLessonInput!) { createLesson(input: $input) {
  errors { code field } lesson { title kind position weight durationMinutes module { version } } } }"""
UPDATE = """mutation ($input: UpdateLessonInput!) { updateLesson(input: $input) {
  errors { code field } lesson { title kind weight durationMinutes version } } }"""
DELETE = """mutation ($input: DeleteLessonInput!) { deleteLesson(input: $input) {
  errors { code field } module { version lessons { title } } } }"""
REORDER = """mutation ($input: ReorderLessonsInput!) { reorderLessons(input: $input) {
  errors { code field } module { version lessons { title position } } } }"""


def module_id(school: School) -> str:
    return school.id(NodeKind.MODULE, school.lessons[school.courses[0].id][0].module_id)


def lesson_ids(school: School) -> list[str]:
    """Of the first module."""
    return [school.id(NodeKind.LESSON, each) for each in school.lessons[school.courses[0].id][:2]]


async def test_a_lesson_is_added_and_changed(school: School) -> None:
    given = {"moduleId": module_id(school), "title": "Third", "kind": "VIDEO", "durationMinutes": 3}
    reply = await school.ask(CREATE, {"input": given})
    assert reply.data["createLesson"]["lesson"] == {
        "title": "Third",
        "kind": "VIDEO",
        "position": 2,
        "weight": 1.0,
        "durationMinutes": 3,
        "module": {"version": 2},
    }
    change = {"id": lesson_ids(school)[0], "version": 1, "weight": 2.5, "kind": "EXAM"}
    changed = await school.ask(UPDATE, {"input": change})
    assert changed.data["updateLesson"]["lesson"] == {
        "title": "First",
        "kind": "EXAM",
        "weight": 2.5,
        "durationMinutes": None,
        "version": 2,
    }
    assert (await school.ask(UPDATE, {"input": change})).code == "CONFLICT"


async def test_lessons_are_put_into_order(school: School) -> None:
    given = {"moduleId": module_id(school), "version": 1, "lessonIds": lesson_ids(school)[::-1]}
    reply = await school.ask(REORDER, {"input": given})
    assert reply.data["reorderLessons"]["module"] == {
        "version": 2,
        "lessons": [{"title": "Second", "position": 0}, {"title": "First", "position": 1}],
    }
    assert reply.statements == 5
    assert (await school.ask(REORDER, {"input": given})).code == "CONFLICT"


async def test_a_lesson_is_taken_away(school: School) -> None:
    reply = await school.ask(DELETE, {"input": {"lessonId": lesson_ids(school)[0], "version": 1}})
    assert reply.data["deleteLesson"]["module"] == {"version": 2, "lessons": [{"title": "Second"}]}
    assert (await school.ask(DELETE, {"input": {"lessonId": lesson_ids(school)[0], "version": 1}})).code == (
        "NOT_FOUND"
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "X\0"}, "title"),
        ({"title": None}, "title"),
        ({"weight": None}, "weight"),
        ({"kind": None}, "kind"),
        ({"durationMinutes": 100_001}, "durationMinutes"),
        ({"weight": 0.0001}, "weight"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(school: School, given: dict[str, Any], field: str) -> None:
    reply = await school.ask(UPDATE, {"input": {"id": lesson_ids(school)[0], "version": 1, **given}})
    assert (reply.code, reply.field, reply.statements) == ("VALIDATION_FAILED", field, 0)
