from datetime import date
from typing import Any

import msgspec
import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from harka.graph import deprecation
from harka.graph import schema as graph
from harka.graph.deprecation import deprecated, deprecations, given, old_variables, undated
from harka.graph.document import Documents
from harka.graph.field import field, leaf, mutation, related, subscription
from harka.graph.limits import Limits
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.permission import Access
from harka.metrics import Metrics
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

REASON = deprecated("Use `kind`.", until=date(2027, 5, 31))
SCHEMA = build_schema(f"""
interface Named {{ old: String @deprecated(reason: "{REASON}") }}
type Query implements Named {{
  old: String @deprecated(reason: "{REASON}")
  list(first: Int, page: Int @deprecated(reason: "{REASON}"), order: Order, filter: Filter): Query
}}
enum Order {{ NEW LEGACY @deprecated(reason: "{REASON}") }}
input Around {{ filter: Filter }}
input Filter {{ name: String, title: String @deprecated(reason: "{REASON}"), order: Order, inner: [Filter!] }}
""")
USES = [
    ("{ list { __typename } }", []),
    ("{ a: old b: old }", ["Query.old"]),
    ("{ list { ...F } } fragment F on Named { old ...G } fragment G on Query { list(page: 1) { old } }",
     ["Named.old", "Query.list(page:)", "Query.old"]),
    ("{ list(order: LEGACY) @skip(if: false) { __typename } }", ["Order.LEGACY"]),
    ('{ list(filter: {inner: [{title: "x", order: LEGACY}]}) { __typename } }',
     ["Filter.title", "Order.LEGACY"]),
    ("query ($p: Int = 1) { list(first: 1) { list(page: $p) { __typename } } }", ["Query.list(page:)"]),
    ("query ($o: Order = LEGACY) { list(order: $o) { __typename } }", ["Order.LEGACY"]),
    ("query A { list { __typename } } query B { ...F } fragment F on Query { old }", []),
]  # fmt: skip


def test_whatever_is_deprecated_says_why_and_until_when() -> None:
    assert undated(graph.core()) == []


def test_a_reason_without_a_date_is_found() -> None:
    told = [
        "",
        "Old.",
        "Use b. Removed after soon.",
        "Use b. Removed after 2027-02-30.",
        " Removed after 2027-05-31.",
    ]
    fields = [f'f{n}: Int @deprecated(reason: "{text}")' for n, text in enumerate(told)]
    schema = build_schema(
        f'type Query {{ new: Int good: Int @deprecated(reason: "{REASON}") {" ".join(fields)} }}'
    )
    assert undated(schema) == [f"Query.f{n}" for n in range(len(told))]
    assert deprecations(schema)["Query.good"] == REASON == "Use `kind`. Removed after 2027-05-31."
    for reason in ("", "Use b", " "):
        with pytest.raises(ValueError, match="sentence"):
            deprecated(reason, until=date(2027, 5, 31))


@pytest.mark.parametrize(("text", "found"), USES)
def test_what_an_operation_uses_is_found_wherever_it_stands(text: str, found: list[str]) -> None:
    document = Documents(SCHEMA, Limits(), introspection=False).prepare(text, hide_suggestions=False)
    name = "A" if text.startswith("query A") else None
    assert document.operation(name).deprecated == tuple(found)


@pytest.mark.parametrize(
    ("declared", "value", "found"),
    [
        ("Filter", {"title": "x", "order": "LEGACY"}, {"Filter.title", "Order.LEGACY"}),
        ("[Filter!]", [{"inner": [{"order": "LEGACY"}]}, {"title": None}], {"Filter.title", "Order.LEGACY"}),
        ("Order", "LEGACY", {"Order.LEGACY"}),
        ("Around", {"filter": {"title": "x"}}, {"Filter.title"}),
        ("Filter", {"name": "x", "order": "NEW"}, set()),
        ("Filter", {"gone": 1, "inner": "x", "order": 7}, set()),
        ("Filter", None, set()),
        ("Int", 1, set()),
    ],
)
def test_and_in_what_its_variables_hold(declared: str, value: Any, found: set[str]) -> None:
    operation = parse(f"query ($v: {declared}) {{ f(v: $v) }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    types = old_variables(SCHEMA, operation)
    assert (declared == "Int") == (types == {})
    assert given(types, {"v": value}) == found
    assert given(types, {}) == set()


def test_whatever_is_declared_can_be_deprecated() -> None:
    declared = (
        related(UserByIdLoader, "id", "Who.", deprecation_reason=REASON),
        mutation(lambda: None, "What.", requires=Access.OPEN, deprecation_reason=REASON),
        subscription(lambda: None, "What.", requires=Access.OPEN, deprecation_reason=REASON),
        field(lambda: None, "What.", deprecation_reason=REASON),
        leaf("What.", deprecation_reason=REASON),
    )
    assert [each.deprecation_reason for each in declared] == [REASON] * len(declared)


def test_a_deprecated_mutation_and_field_of_its_payload_are_counted() -> None:
    schema = build_schema(f"""type Query {{ a: Int }}
      type Mutation {{ old: Payload @deprecated(reason: "{REASON}") }}
      type Payload {{ owner: Payload @deprecated(reason: "{REASON}") }}""")
    document = Documents(schema, Limits(), introspection=False).prepare(
        "mutation { old { owner { __typename } } }", hide_suggestions=False
    )
    assert document.operation(None).deprecated == ("Mutation.old", "Payload.owner")


@pytest.fixture
def old(school: School, monkeypatch: pytest.MonkeyPatch) -> School:
    """Where `Viewer.permissions` is deprecated, and nothing counted yet."""
    monkeypatch.setattr(graph.core().type_map["Viewer"].fields["permissions"], "deprecation_reason", REASON)  # type: ignore[attr-defined] # an object type
    runtime = msgspec.structs.replace(school.runtime, metrics=Metrics(tenants=1))
    return School(runtime, school.organization)


def counted(of: School) -> dict[str, int]:
    """By client."""
    lines = of.runtime.metrics.exposition().decode().splitlines()
    found = [line for line in lines if line.startswith("harka_deprecated_uses_total{")]
    assert all('part="Viewer.permissions"' in line for line in found)
    return {line.split('client="')[1].split('"')[0]: int(float(line.rpartition(" ")[2])) for line in found}


async def test_each_use_is_counted_for_its_client(old: School) -> None:
    headers = await old.headers(tuple(Permission))
    body = {"query": "{ viewer { permissions again: permissions } }"}
    for _ in range(2):
        assert (await old.send(json=body, headers={**headers, "x-client-name": "web 1.2"})).status_code == 200
    await old.send("GET", params=body, headers={**headers, "x-client-name": "partner"})
    await old.send(json=body, headers={**headers, "accept": "text/event-stream", "x-client-name": "partner"})
    await old.send(json={"query": "{ viewer { kind } }"}, headers={**headers, "x-client-name": "modern"})
    # without a name, with one that is none, and of whom nobody knows
    await old.send(json=body, headers=headers)
    await old.send(json=body, headers={**headers, "x-client-name": "x" * 65})
    await old.send(json=body, headers={"x-client-name": "stranger"})
    assert counted(old) == {"web 1.2": 2, "partner": 2, "other": 3}


async def test_what_comes_in_variables_is_counted_too(old: School, monkeypatch: pytest.MonkeyPatch) -> None:
    type_ = graph.core().type_map["PathStatus"]
    monkeypatch.setattr(type_.values["DRAFT"], "deprecation_reason", REASON)  # type: ignore[attr-defined] # an enum
    deprecation._holders.cache_clear()
    text = "query ($f: LearningPathFilter) { learningPaths(first: 1, filter: $f) { totalCount } }"
    headers = {**await old.headers(tuple(Permission)), "x-client-name": "web 1.2"}
    for status in ("DRAFT", "PUBLISHED", "DRAFT"):
        body = {"query": text, "variables": {"f": {"status": status}}}
        assert (await old.send(json=body, headers=headers)).status_code == 200
    monkeypatch.undo()
    deprecation._holders.cache_clear()
    exposed = old.runtime.metrics.exposition().decode()
    assert 'harka_deprecated_uses_total{client="web 1.2",part="PathStatus.DRAFT"} 2.0' in exposed


async def test_and_in_a_socket(old: School) -> None:
    async with old.socket(headers=await old.headers(tuple(Permission))) as socket:
        await socket.receive()
        socket.say("connection_init", payload={"X-Client-Name": "phone"})
        await socket.hear()
        socket.say("subscribe", id="1", payload={"query": "{ viewer { permissions } }"})
        assert (await socket.hear())["type"] == "next"
    assert counted(old) == {"phone": 1}
