from graph.mutations.test_assignment import create
from graph.mutations.test_submission import SUBMIT, given_by
from harka.ids import NodeKind
from school import School

LIST = """query ($id: ID!, $graded: Boolean, $after: String) {
  submissions(assignmentId: $id, first: 1, graded: $graded, after: $after) {
    totalCount pageInfo { endCursor hasNextPage } nodes { id text files { id } assignment { id } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on Submission { text } } }"


async def test_graders_page_through_what_was_handed_in(school: School) -> None:
    asked = await create(school)
    ids = []
    for person in (school.learner, school.other):
        given = given_by(school, person, asked["id"], text=person.name)
        made = (await school.ask(SUBMIT, given, caller=person)).data["submitAssignment"]["submission"]
        ids.append(made["id"])
    seen, after = [], None
    for _ in range(2):
        reply = await school.ask(LIST, {"id": asked["id"], "after": after}, caller=school.instructor)
        found = reply.data["submissions"]
        assert found["totalCount"] == 2
        seen += [each["id"] for each in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
    assert seen == ids
    reply = await school.ask(
        LIST, {"id": asked["id"], "graded": True, "after": after}, caller=school.instructor
    )
    assert reply.code == "INVALID_CURSOR"
    reply = await school.ask(LIST, {"id": asked["id"], "graded": True}, caller=school.instructor)
    assert reply.data["submissions"]["totalCount"] == 0
    assert (await school.ask(LIST, {"id": asked["id"]}, caller=school.learner)).code == "FORBIDDEN"
    assert (await school.ask(NODE, {"id": ids[1]}, caller=school.learner)).data == {"node": None}
    assert (await school.ask(NODE, {"id": ids[0]}, caller=school.learner)).data["node"] == {
        "text": "Person 2"
    }
    assert school.id(NodeKind.ASSIGNMENT, school.learner) != ids[0]
