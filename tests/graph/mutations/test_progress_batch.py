from typing import Any

from harka.ids import NodeKind
from harka.tenancy.permission import Permission
from school import School

RECORD = """mutation ($input: RecordProgressBatchInput!) { recordProgressBatch(input: $input) {
  errors { code field } results { clientId changed error { code field message } }
  enrollments { id progress } } }"""


def entry(school: School, lesson: int, fraction: float, **values: Any) -> dict[str, Any]:
    course = school.courses[0]
    return {
        "enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, course)),
        "lessonId": school.id(NodeKind.LESSON, school.lessons[course.id][lesson]),
        "fraction": fraction,
        **values,
    }


async def test_a_phone_comes_back(school: School) -> None:
    entries = [
        entry(school, 0, 1, clientId="a", occurredAt="2026-01-31T09:30:00Z"),
        entry(school, 1, 2, clientId="b"),
        entry(school, 2, 0.5, lessonId="x"),
        entry(school, 2, 0.5),
    ]
    reply = await school.ask(RECORD, {"input": {"entries": entries}}, caller=school.learner)
    done = reply.data["recordProgressBatch"]
    assert done["errors"] == []
    assert [result["clientId"] for result in done["results"]] == ["a", "b", None, None]
    assert [result["changed"] for result in done["results"]] == [True, False, False, True]
    assert [(result["error"] or {}).get("code") for result in done["results"]] == [
        *(None, "VALIDATION_FAILED", "INVALID_ID", None)
    ]
    assert [(result["error"] or {}).get("field") for result in done["results"]] == [
        *(None, "fraction", "lessonId", None)
    ]
    assert [each["progress"] for each in done["enrollments"]] == [0.375]
    assert reply.statements == 4


async def test_too_many_are_refused_as_a_whole(school: School) -> None:
    reply = await school.ask(RECORD, {"input": {"entries": [entry(school, 0, 1)] * 501}})
    assert (reply.code, reply.field, reply.statements) == ("VALIDATION_FAILED", "entries", 0)
    assert reply.data["recordProgressBatch"]["results"] is None


async def test_without_the_permission_nothing_is_recorded(school: School) -> None:
    others = [each for each in Permission if each is not Permission.PROGRESS_WRITE]
    reply = await school.ask(RECORD, {"input": {"entries": [entry(school, 0, 1)]}}, caller=others)
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
