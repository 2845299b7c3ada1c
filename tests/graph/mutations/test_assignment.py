from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School

FIELDS = "id title instructions dueAt points accepts version lesson { id } ownSubmission { id }"
CREATE = f"""mutation ($input: CreateAssignmentInput!) {{ createAssignment(input: $input) {{
  errors {{ code field }} assignment {{ {FIELDS} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateAssignmentInput!) {{ updateAssignment(input: $input) {{
  errors {{ code field }} assignment {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($input: DeleteAssignmentInput!) { deleteAssignment(input: $input) {
  errors { code field } deletedAssignmentId } }"""


def lesson_id(school: School) -> str:
    return school.id(NodeKind.LESSON, school.lessons[school.courses[0].id][0])


async def create(school: School, **given: Any) -> Any:
    given = {"lessonId": lesson_id(school), "title": "Essay", **given}
    return (await school.ask(CREATE, {"input": given})).data["createAssignment"]["assignment"]


async def test_an_assignment_is_made_changed_and_taken_away(school: School) -> None:
    made = await create(school, dueAt="2199-01-01T00:00:00Z", points=10, accepts="FILE")
    assert made == {
        "id": made["id"],
        "title": "Essay",
        "instructions": "",
        "dueAt": "2199-01-01T00:00:00+00:00",
        "points": 10,
        "accepts": "FILE",
        "version": 1,
        "lesson": {"id": lesson_id(school)},
        "ownSubmission": None,
    }
    given = {"id": made["id"], "version": 1, "dueAt": None, "instructions": "Write."}
    changed = (await school.ask(UPDATE, {"input": given})).data["updateAssignment"]["assignment"]
    assert (changed["dueAt"], changed["instructions"], changed["points"]) == (None, "Write.", 10)
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"
    assert (
        await school.ask(DELETE, {"input": {"assignmentId": made["id"], "version": 1}})
    ).code == "CONFLICT"
    gone = await school.ask(DELETE, {"input": {"assignmentId": made["id"], "version": 2}})
    assert gone.data["deleteAssignment"]["deletedAssignmentId"] == made["id"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"title": "\0"}, "VALIDATION_FAILED", "title"),
        ({"points": 0}, "VALIDATION_FAILED", "points"),
        ({"lessonId": "garbage"}, "INVALID_ID", "lessonId"),
    ],
)
async def test_bad_input_is_refused_by_field(
    school: School, given: dict[str, Any], code: str, field: str
) -> None:
    whole = {"lessonId": lesson_id(school), "title": "👋 שלום", **given}
    reply = await school.ask(CREATE, {"input": whole})
    assert (reply.code, reply.field, reply.statements) == (code, field, 0)


async def test_what_is_not_there_is_not_found(school: School) -> None:
    absent = school.id(NodeKind.ASSIGNMENT, new_id())
    for document, given in ((UPDATE, {"id": absent}), (DELETE, {"assignmentId": absent})):
        assert (await school.ask(document, {"input": {**given, "version": 1}})).code == "NOT_FOUND"
