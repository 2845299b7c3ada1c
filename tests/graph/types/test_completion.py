from harka.ids import NodeKind
from harka.learning import completion
from harka.learning.completion import CompletionEntry
from school import School


async def test_a_completion_is_seen_from_its_enrollment_and_by_its_id(school: School) -> None:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    async with school.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrollment.id, score=90)])
    asked = """query ($id: ID!) { node(id: $id) { ... on Enrollment {
      status completion { id score enrollment { id } } } } }"""
    values = {"id": school.id(NodeKind.ENROLLMENT, enrollment)}
    seen = (await school.ask(asked, values, caller=school.learner)).data["node"]
    assert seen["status"] == "COMPLETED"
    assert seen["completion"]["score"] == 90
    assert seen["completion"]["enrollment"] == values
    again = "query ($id: ID!) { node(id: $id) { __typename id } }"
    found = {"id": seen["completion"]["id"]}
    assert (await school.ask(again, found)).data["node"] == {"__typename": "Completion", **found}
    assert (await school.ask(again, found, caller=school.other)).data == {"node": None}
