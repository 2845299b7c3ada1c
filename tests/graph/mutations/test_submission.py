from typing import Any

from graph.mutations.test_assignment import create
from harka.ids import NodeKind, new_id
from harka.repositories.user import User
from school import School

FIELDS = (
    "id text isLate score feedback gradedAt version files { id } gradedBy { id } enrollment { user { id } }"
)
SUBMIT = f"""mutation ($input: SubmitAssignmentInput!) {{ submitAssignment(input: $input) {{
  errors {{ code field }} submission {{ {FIELDS} }} }} }}"""
GRADE = f"""mutation ($input: GradeSubmissionInput!) {{ gradeSubmission(input: $input) {{
  errors {{ code field }} submission {{ {FIELDS} }} }} }}"""


def given_by(school: School, person: User, assignment_id: str, **given: Any) -> dict[str, Any]:
    enrollment = school.enrollment_of(person, school.courses[0])
    id_ = school.id(NodeKind.ENROLLMENT, enrollment)
    return {"input": {"enrollmentId": id_, "assignmentId": assignment_id, "text": "Mine", **given}}


async def test_work_is_handed_in_and_graded(school: School) -> None:
    asked = await create(school, points=10)
    given = given_by(school, school.learner, asked["id"])
    made = (await school.ask(SUBMIT, given, caller=school.learner)).data["submitAssignment"]["submission"]
    assert (made["text"], made["score"], made["isLate"], made["files"]) == ("Mine", None, False, [])
    assert made["enrollment"]["user"]["id"] == school.id(NodeKind.USER, school.learner)
    grade = {"submissionId": made["id"], "version": 1, "score": 7.5, "feedback": "Good 👋"}
    assert (await school.ask(GRADE, {"input": grade}, caller=school.learner)).code == "FORBIDDEN"
    reply = await school.ask(GRADE, {"input": grade}, caller=school.instructor)
    graded = reply.data["gradeSubmission"]["submission"]
    assert (graded["score"], graded["feedback"], graded["version"]) == (7.5, "Good 👋", 2)
    assert graded["gradedBy"] == {"id": school.id(NodeKind.USER, school.instructor)}
    assert (await school.ask(GRADE, {"input": grade}, caller=school.instructor)).code == "CONFLICT"
    assert (await school.ask(SUBMIT, given, caller=school.learner)).code == "CONFLICT"


async def test_what_the_user_can_mend_is_told_beside_its_field(school: School) -> None:
    asked = await create(school, points=10)
    absent = school.id(NodeKind.ASSIGNMENT, new_id())
    file_id = school.id(NodeKind.FILE, new_id())
    for changes, code, field in (
        ({"text": "\0"}, "VALIDATION_FAILED", "text"),
        ({"text": ""}, "VALIDATION_FAILED", "text"),
        ({"fileIds": [file_id]}, "VALIDATION_FAILED", "fileIds"),
        ({"fileIds": ["x"]}, "INVALID_ID", "fileIds"),
        ({"assignmentId": absent}, "NOT_FOUND", "assignmentId"),
        ({"assignmentId": file_id}, "INVALID_ID", "assignmentId"),
    ):
        given = given_by(school, school.learner, asked["id"], **changes)
        reply = await school.ask(SUBMIT, given, caller=school.learner)
        assert (reply.code, reply.field) == (code, field)
    stolen = given_by(school, school.other, asked["id"])
    reply = await school.ask(SUBMIT, stolen, caller=school.learner)
    assert (reply.code, reply.field) == ("NOT_FOUND", "enrollmentId")
    grade = {"submissionId": school.id(NodeKind.SUBMISSION, new_id()), "version": 1, "score": 1}
    assert (await school.ask(GRADE, {"input": grade}, caller=school.instructor)).code == "NOT_FOUND"
