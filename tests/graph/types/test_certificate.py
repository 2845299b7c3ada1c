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
