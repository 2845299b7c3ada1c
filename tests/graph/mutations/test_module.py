from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

CREATE = """mutation ($input: CreateModuleInput!) { createModule(input: $input) {
  errors { code field } module { title position version course { version } } } }"""
UPDATE = """mutation ($input: UpdateModuleInput!) { updateModule(input: $input) {
  errors { code field } module { title version } } }"""
DELETE = """mutation ($input: DeleteModuleInput!) { deleteModule(input: $input) {
  errors { code field } course { version modules { title } } } }"""
REORDER = """mutation ($input: ReorderModulesInput!) { reorderModules(input: $input) {
  errors { code field } course { version modules { title position } } } }"""


def course_id(school: School) -> str:
    return school.id(NodeKind.COURSE, school.courses[0])


def module_ids(school: School) -> list[str]:
    of = dict.fromkeys(each.module_id for each in school.lessons[school.courses[0].id])
    return [school.id(NodeKind.MODULE, each) for each in of]


async def test_a_module_is_added_and_named(school: School) -> None:
    reply = await school.ask(
        CREATE, {"input": {"courseId": course_id(school), "title": "  Extra \u202b\U0001f600"}}
    )
    assert reply.data["createModule"] == {
        "errors": [],
        "module": {"title": "Extra \u202b\U0001f600", "position": 2, "version": 1, "course": {"version": 2}},
    }
    changed = await school.ask(UPDATE, {"input": {"id": module_ids(school)[0], "version": 1, "title": "New"}})
    assert changed.data["updateModule"]["module"] == {"title": "New", "version": 2}


async def test_modules_are_put_into_order(school: School) -> None:
    given = {"courseId": course_id(school), "version": 1, "moduleIds": module_ids(school)[::-1]}
    reply = await school.ask(REORDER, {"input": given})
    assert reply.data["reorderModules"]["course"] == {
        "version": 2,
        "modules": [{"title": "End", "position": 0}, {"title": "Begin", "position": 1}],
    }
    # the course, the order, its check, and the modules read back
    assert reply.statements == 4
    assert (await school.ask(REORDER, {"input": given})).code == "CONFLICT"


async def test_a_module_is_taken_away(school: School) -> None:
    reply = await school.ask(DELETE, {"input": {"moduleId": module_ids(school)[0], "version": 1}})
    assert reply.data["deleteModule"]["course"] == {"version": 2, "modules": [{"title": "End"}]}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"moduleIds": ["garbage"]}, "INVALID_ID", "moduleIds"),
        ({"moduleIds": []}, "VALIDATION_FAILED", "moduleIds"),
        ({"moduleIds": [], "courseId": "garbage"}, "INVALID_ID", "courseId"),
        ({"moduleIds": [], "version": 9}, "CONFLICT", None),
    ],
)
async def test_what_cannot_be_an_order_is_refused(
    school: School, given: dict[str, Any], code: str, field: str | None
) -> None:
    reply = await school.ask(REORDER, {"input": {"courseId": course_id(school), "version": 1, **given}})
    assert (reply.code, reply.field) == (code, field)


@pytest.mark.parametrize("title", ["", " ", "X" * 201, "X\0", "two\nlines"])
async def test_what_cannot_be_a_title_is_refused(school: School, title: str) -> None:
    reply = await school.ask(CREATE, {"input": {"courseId": course_id(school), "title": title}})
    assert (reply.code, reply.field, reply.statements) == ("VALIDATION_FAILED", "title", 0)
