"""Which queries can be run over all that a list has, and as what each page is asked for."""

from typing import Any

import pytest

from harka.errors import ValidationError
from harka.graph import schema
from harka.graph.bulk_query import BulkQuery, accept_query
from harka.graph.document import Documents
from harka.graph.limits import Limits

MOST = 25_000


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(schema.core(), Limits(), introspection=True)


def accepted(documents: Documents, text: str, most: float = MOST, **variables: Any) -> BulkQuery:
    return accept_query(documents, text, variables, most=most)


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "{ users(filter: {role: LEARNER}) { nodes { id name } } }",
        "{ users(first: 7, filter: {role: LEARNER}, after: $cursor) { edges { node { id name } } } }",
    ],
    ids=["nodes", "edges"],
)
def test_each_page_is_asked_for_after_the_one_before(documents: Documents, text: str) -> None:
    query = accepted(documents, text)
    assert one_line(query.text) == (
        "query BulkOperation($harkaAfter: String) { "
        "list: users( filter: { role: LEARNER } orderBy: { field: CREATED_AT } first: 100 "
        "after: $harkaAfter ) { "
        "nodes { id name } pageInfo { hasNextPage endCursor } } }"
    )
    # the page itself, its nodes, and where it lies
    assert query.cost == 102


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("{ tags { nodes { id } } }", "orderBy: { field: CREATED_AT }"),
        ("{ tags(orderBy: null) { nodes { id } } }", "orderBy: { field: CREATED_AT }"),
        ("{ events { nodes { id } } }", "orderBy: { field: SEQUENCE }"),
        (
            "{ users(orderBy: {field: CREATED_AT, direction: DESC}) { nodes { id } } }",
            "orderBy: { field: CREATED_AT, direction: DESC }",
        ),
        ("query ($o: UserOrderBy) { users(orderBy: $o) { nodes { id } } }", "orderBy: $o"),
    ],
)
def test_the_order_is_one_in_which_a_node_stays_where_it_is(
    documents: Documents, text: str, order: str
) -> None:
    assert order in one_line(accepted(documents, text, o={"field": "CREATED_AT"}).text)


def test_another_order_is_no_variable_either(documents: Documents) -> None:
    text = "query ($o: UserOrderBy) { users(orderBy: $o) { nodes { id } } }"
    with pytest.raises(ValidationError, match="by NAME"):
        accepted(documents, text, o={"field": "NAME"})


def test_variables_and_fragments_are_its_own(documents: Documents) -> None:
    text = """query All($role: Role) { users(filter: {role: $role}) { nodes { ...Named } } }
      fragment Named on User { id name }"""
    assert "($role: Role, $harkaAfter: String)" in accepted(documents, text, role="LEARNER").text
    with pytest.raises(ValidationError) as refused:
        accepted(documents, text, role="PIRATE")
    assert refused.value.field == "variables"


def test_pages_are_as_long_as_they_may_cost(documents: Documents) -> None:
    text = "{ users { nodes { id } } }"
    assert "first: 20," in accepted(documents, text, most=30).text
    with pytest.raises(ValidationError, match="One node may cost 3 points"):
        accepted(documents, text, most=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ users { nodes { id } ", "Syntax Error"),
        ("mutation { deleteCourse(input: {}) { clientMutationId } }", "Only a query"),
        ("subscription { jobProgress(id: 1) { id } }", "Only a query"),
        ("{ a: users { nodes { id } } b: users { nodes { id } } }", "one list at its root"),
        ("{ ...F } fragment F on Query { users { nodes { id } } }", "one list at its root"),
        ("{ users @include(if: true) { nodes { id } } }", "one list at its root"),
        ("{ viewer { user { id } } }", "no list with pages"),
        ("{ users { totalCount } }", "only `nodes"),
        ("{ users { nodes { id } totalCount } }", "only `nodes"),
        ("{ users { edges { cursor } } }", "only `nodes"),
        ("{ users }", "only `nodes"),
        ("{ users { nodes } }", "only `nodes"),
        ("{ nobodies { nodes { id } } }", "nobodies"),
        ("{ users { nodes { shoeSize } } }", "shoeSize"),
        ("{ users { nodes { certificates(first: 9) { nodes { id } } } } }", "pages of its own"),
        (
            "{ users { nodes { ...F } } } fragment F on User { certificates(first: 1) { totalCount } }",
            "pages of its own",
        ),
        ("query ($harkaAfter: String) { users(filter: {name: $harkaAfter}) { nodes { id } } }", "harkaAfter"),
        ("{ users(orderBy: {field: NAME}) { nodes { id } } }", "order by NAME"),
        ("{ courses(orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { id } } }", "by UPDATED_AT"),
        ("query ($by: UserOrder! = EMAIL) { users(orderBy: {field: $by}) { nodes { id } } }", "by EMAIL"),
        ("query A { users { nodes { id } } } query B { users { nodes { id } } }", "operationName"),
        ("{ users { nodes { id } } }" + "\n" * 5_001, "lines"),
    ],
    ids=lambda value: value[:40],
)
def test_anything_else_is_refused_as_the_query(documents: Documents, text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        accepted(documents, text)
    assert refused.value.field == "query"
