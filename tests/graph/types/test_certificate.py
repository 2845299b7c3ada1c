from graph.mutations.test_certificate import awarded
from school import School

LIST = """query ($first: Int!) { users(first: $first) { nodes { certificates(first: 5) {
  totalCount nodes { id } } } } }"""


async def test_certificates_cost_the_same_for_any_number_of_people(school: School) -> None:
    for first in (1, 100):
        # people, first certificates, counts
        assert (await school.ask(LIST, {"first": first})).statements == 3


async def test_nobody_else_lists_them(school: School) -> None:
    reply = await school.ask("{ viewer { user { certificates(first: 1) { totalCount } } } }", caller=None)
    assert reply.data == {"viewer": None}


PROVEN = """query ($first: Int!) { enrollments(first: $first) { nodes { status certificate { id title } } }
  learningPathEnrollments(first: $first) { nodes { certificate { title } } } }"""
LISTED = """{ certificates(first: 9, orderBy: {field: EXPIRES_AT, direction: DESC}) {
  totalCount nodes { id user { id } } } }"""


async def test_an_enrollment_shows_its_certificate_whatever_their_number(school: School) -> None:
    own = await awarded(school)
    for first in (1, 100):
        # both lists, and the certificates of each
        reply = await school.ask(PROVEN, {"first": first})
        assert reply.statements <= 4
    shown = [node for node in reply.data["enrollments"]["nodes"] if node["certificate"]]
    assert shown == [{"status": "COMPLETED", "certificate": {"id": own["id"], "title": "Course 0"}}]
    listed = (await school.ask(LISTED, caller=school.learner)).data["certificates"]
    assert listed == {"totalCount": 1, "nodes": [{"id": own["id"], "user": own["user"]}]}
    nothing = (await school.ask(LISTED, caller=school.other)).data["certificates"]
    assert nothing == {"totalCount": 0, "nodes": []}
