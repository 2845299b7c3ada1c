from typing import Any

import pytest

from harka.graph import schema
from harka.graph.document import Documents
from harka.graph.limits import Limits
from harka.graph.request import Prepared, Request

QUERY = "query A { viewer { kind } } query B { viewer { kind } }"
MUTATION = 'mutation { revokeCertificate(input: {id: "x", reason: "y"}) { errors { code } } }'


def prepared(query: str, name: str | None = None, **told: Any) -> Prepared:
    document = Documents(schema.core(), Limits(), introspection=True).prepare(query, hide_suggestions=False)
    return Prepared(document, document.operation(name), Request(query=query, operation_name=name, **told))


def test_only_a_mutation_has_an_idempotency_key() -> None:
    assert prepared(MUTATION, idempotency_key="once").idempotency_key == "once"
    assert prepared(QUERY, "A", idempotency_key="once").idempotency_key is None


def test_an_operation_without_a_name_is_called_by_its_field() -> None:
    assert [prepared(MUTATION).name, prepared(QUERY, "B").name] == ["revokeCertificate", "B"]


@pytest.mark.parametrize(
    "other",
    [
        prepared(QUERY, "B", variables={"a": 1, "b": 2}),
        prepared(QUERY + " ", "A", variables={"a": 1, "b": 2}),
        prepared(QUERY, "A", variables={"a": 1, "b": "2"}),
        prepared(QUERY, "A"),
    ],
    ids=["operation", "text", "value", "none"],
)
def test_another_request_has_another_fingerprint(other: Prepared) -> None:
    one = prepared(QUERY, "A", variables={"a": 1, "b": 2})

    assert one.fingerprint == prepared(QUERY, "A", variables={"b": 2, "a": 1}).fingerprint
    assert one.fingerprint != other.fingerprint
