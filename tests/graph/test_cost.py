"""What an operation may cost is known before it is executed, and what it did cost is never more."""

from typing import Any

import msgspec
import pytest
from graphql import parse

from harka.graph import schema
from harka.graph.cost import DEAR, LIST, MUTATION, objects_in
from harka.graph.document import Document
from harka.tenancy import plan
from harka.tenancy.plan import Plan
from school import School
from waiting import until_trusted


def requested(text: str, **variables: Any) -> int:
    return Document(schema.core(), parse(text)).operation(None).cost.requested(variables)


PAGE = "pageInfo { hasNextPage } nodes { id modules { id lessons { id } } }"
# the connection, where the page lies, and of each course itself, its modules, and their lessons
COURSE = 1 + LIST * (1 + LIST)
FRAGMENTS = """{ ...A ...A } fragment A on Query { courses(first: 3) { ...B } }
  fragment B on CourseConnection { nodes { id } }"""


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ __typename }", 1),
        ("{ viewer { kind } }", 1),
        ("{ organization { id users { limit } } }", 2),
        (f"{{ courses(first: 20) {{ {PAGE} }} }}", 2 + 20 * COURSE),
        ("{ courses(first: 20) { edges { cursor node { id } } } }", 1 + 20 * 2),
        # refused when it is executed; its price is that of the longest page
        ("{ courses(first: 100000) { nodes { id } } }", 101),
        ("{ courses(first: -1) { nodes { id } } }", 1),
        ("query ($n: Int! = 7) { courses(first: $n) { nodes { id } } }", 8),
        ("{ a: viewer { kind } b: viewer { kind } }", 2),
        (FRAGMENTS, 4),
        ("{ courses(first: 2) { nodes { enrollments(first: 5) { nodes { user { id } } } } } }",
         1 + 2 * (1 + 1 + 5 * 2)),
        ('{ node(id: "x") { id ... on Course { modules { id } } ... on Module { lessons { id } } } }',
         1 + 2 * LIST),
        ("{ __schema { types { name } } }", 1 + LIST),
        ('{ courseAnalytics(courseId: "x") { asOf funnel { enrolled } } }',
         DEAR["Query", "courseAnalytics"] + 2),
        ('{ a: search(query: "", first: 3) { nodes { kind } } b: search(query: "y", first: 0) { isCapped } }',
         2 * DEAR["Query", "search"] + 5),
    ],
)  # fmt: skip
def test_an_object_is_a_point(text: str, points: int) -> None:
    assert requested(text) == points


def test_a_page_is_as_long_as_a_variable_says() -> None:
    text = "query ($n: Int = 7) { courses(first: $n) { nodes { id } } }"
    assert [requested(text, n=n) for n in (20, 0, -1, 1000, None, True, 20.0)] == [*(21, 1, 1, 101, 8, 8, 21)]


def test_a_negative_length_takes_nothing_off_the_price_of_another() -> None:
    text = "{ a: courses(first: -2147483648) { nodes { id } } b: courses(first: 100) { nodes { id } } }"
    assert requested(text) == 102


@pytest.mark.parametrize(
    ("ids", "variables"),
    [
        ('["a", "b", "c"]', {}),
        ("$ids", {"ids": ["a", "b", "c"]}),
        ("[$ids, $ids, $ids]", {"ids": "a"}),
    ],
)
def test_what_is_asked_for_by_ids_is_as_long_as_those(ids: str, variables: dict[str, Any]) -> None:
    text = f"query {'($ids: [ID!]!)' if variables else ''} {{ nodes(ids: {ids}) {{ id }} }}"
    assert requested(text, **variables) == 3


async def test_a_length_written_as_a_float_costs_as_much(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, school, points=requested(QUESTION, n=20) - 1)
    for length in (20, 20.0):
        reply = await school.ask(QUESTION, {"n": length})
        assert (reply.statements, "data" in reply.body) == (0, False)


def test_a_mutation_costs_more() -> None:
    text = """mutation { a: unenroll(input: {id: "x"}) { enrollment { id course { id } } }
      ...B } fragment B on Mutation { b: unenroll(input: {id: "x"}) { clientMutationId } }"""
    assert requested(text) == 2 * MUTATION + 4


@pytest.mark.parametrize("link", ["...F{n} ...F{n}", "... on Query {{ ...F{n} }} ...F{n}"])
def test_a_fragment_counts_once_in_a_selection(link: str) -> None:
    """Doubled a hundred times it would be 2^100 objects, and as many steps."""
    links = [f"fragment F{n} on Query {{ {link.format(n=n + 1)} }}" for n in range(100)]
    assert requested(f"{{ ...F0 }} {' '.join(links)} fragment F100 on Query {{ viewer {{ kind }} }}") == 1


@pytest.mark.parametrize(
    ("data", "objects"),
    [(None, 0), ({}, 0), ({"a": 1}, 0), ({"a": {"b": [{}, None, {"c": {}}]}}, 4), ({"a": [[{}], [{}]]}, 2)],
)
def test_objects_of_an_answer(data: Any, objects: int) -> None:
    assert objects_in(data) == objects


QUESTION = "query ($n: Int!) { courses(first: $n) { nodes { id modules { lessons { id } } } } }"


async def told(school: School, text: str, **variables: Any) -> dict[str, int]:
    return (await school.ask(text, variables, caller=school.owner)).cost


def test_what_is_dear_is_a_field_at_the_root() -> None:
    """Below it, in a list, it would be paid for once."""
    for type_, name in DEAR:
        assert type_ in {"Query", "Mutation"}
        assert name in schema.core().type_map[type_].fields


async def test_what_is_dear_is_not_given_back(school: School) -> None:
    cost = await told(school, '{ search(query: "nothing at all", first: 9) { nodes { kind } } }')
    price = DEAR["Query", "search"]
    assert (cost["requested"], cost["actual"]) == (price + 1 + 9, price + 1)


async def test_an_answer_tells_what_it_cost(school: School) -> None:
    cost = await told(school, QUESTION, n=20)
    # four courses of two modules of two lessons each
    assert cost["requested"] == 1 + 20 * COURSE
    assert cost["actual"] == 1 + 4 * (1 + 2 * (1 + 2))
    limits = plan.LIMITS[Plan(school.organization.plan)]
    assert cost["restoreRate"] == limits.points_per_second
    assert limits.points - cost["actual"] - 1 <= cost["available"] <= limits.points
    # what is kept by its address is the same for all who read it
    kept = await school.send("GET", params={"query": "{ __typename }"})
    assert kept.json() == {"data": {"__typename": "Query"}}
    asked = await school.send("GET", params={"query": "{ __typename }"}, headers={"graphql-cost": "1"})
    assert asked.json()["extensions"]["cost"]["actual"] == 1


@pytest.mark.parametrize(
    ("headers", "extensions", "is_told"),
    [
        ({}, None, True),
        ({"graphql-cost": "0"}, None, False),
        ({}, {"cost": False}, False),
        ({}, {"cost": None}, True),
        ({}, {}, True),
    ],
)
async def test_who_does_not_want_to_know_is_not_told(
    school: School, *, headers: dict[str, str], extensions: dict[str, Any] | None, is_told: bool
) -> None:
    asked = {"query": "{ __typename }", "extensions": extensions}
    answer = (await school.send(json=asked, headers=headers)).json()
    assert ("cost" in answer.get("extensions", {})) is is_told


async def test_who_gets_an_answer_that_is_kept_is_told_their_own(school: School) -> None:
    text = "{ courses(first: 1) { totalCount } }"
    await until_trusted(school.runtime.cache)
    replies = [await school.ask(text) for _ in range(3)]
    assert [each.statements > 0 for each in replies] == [True, False, False]
    assert [each.cost["actual"] for each in replies] == [1, 1, 1]
    assert [each.cost["requested"] for each in replies] == [replies[0].cost["requested"]] * 3


async def test_both_executors_count_alike(school: School) -> None:
    planned, plain = [
        await told(each, QUESTION, n=20) for each in (school, school.with_settings(executor="graphql-core"))
    ]
    assert planned["actual"] == plain["actual"]


async def test_a_mutation_tells_its_cost_too(school: School) -> None:
    text = 'mutation { unenroll(input: {id: "x"}) { errors { code } enrollment { id } } }'
    cost = await told(school, text)
    assert (cost["requested"], cost["actual"]) == (MUTATION + 1 + LIST + 1, MUTATION + 2)


async def test_beyond_the_budget_nothing_is_executed(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it may cost is asked for, what it did not cost is given back: so four of these pass, not one."""
    price = requested(QUESTION, n=20)
    # to read the question, too, is paid for: once
    give(monkeypatch, school, points=price + 3 * 29 + 2 * len(QUESTION))
    for _ in range(4):
        assert (await school.ask(QUESTION, {"n": 20})).status == 200
    refused = await school.ask(QUESTION, {"n": 20})
    assert (refused.status, refused.code, refused.statements) == (429, "RATE_LIMITED", 0)
    assert int(refused.headers["retry-after"]) > 0
    assert refused.body["errors"][0]["extensions"]["retryAfter"] > 0
    assert (refused.cost["requested"], refused.cost["actual"]) == (price, 0)
    assert 0 <= refused.cost["available"] < price
    # what costs less still passes
    assert (await school.ask("{ viewer { kind } }")).status == 200


async def test_what_costs_more_than_there_will_ever_be_is_refused_for_good(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, school, points=1000)
    refused = await school.ask(QUESTION, {"n": 20})
    assert (refused.code, refused.statements) == ("GRAPHQL_LIMIT_EXCEEDED", 0)
    assert "2,221 points; the plan's budget is 1,000" in refused.body["errors"][0]["message"]


def give(monkeypatch: pytest.MonkeyPatch, school: School, *, points: int) -> None:
    """So many, and hardly any more a second."""
    limits = msgspec.structs.replace(
        plan.LIMITS[Plan(school.organization.plan)], points=points, points_per_second=0.001
    )
    monkeypatch.setattr(plan, "LIMITS", {**plan.LIMITS, Plan(school.organization.plan): limits})
