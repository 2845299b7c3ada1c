import pytest

from harka.errors import ValidationError
from harka.graph.stored_query import accept_query

VARIABLES = frozenset({"event", "subject"})


def accepted(text: str) -> str:
    return accept_query(text, "document", longest=1000, variables=VARIABLES)


def test_a_query_is_kept_as_it_is_written() -> None:
    text = "query ($event: ID!, $subject: ID!) { event(id: $event) { id } node(id: $subject) { id } }"
    assert accepted(f"  {text}\n") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("query A { viewer { kind } } query B { viewer { kind } }", "several operations"),
        ('mutation { deleteTag(input: {tagId: "x"}) { clientMutationId } }', "Only a query"),
        ("query ($event: [ID!]!) { nodes(ids: $event) { id } }", "no variables but"),
        ("query ($id: ID!) { node(id: $id) { id } }", "no variables but"),
        ("{ users(first: 100) { nodes { enrollments(first: 50) { nodes { id } } } } }", "points"),
        ("{ a: nothing }", "nothing"),
        ("{ a", "Syntax Error"),
        ("{ __schema { description } }", "introspection"),
        ("{ viewer { kind } } #" + "x" * 1000, "1000"),
    ],
    ids=["two", "mutation", "list", "other", "dear", "unknown", "syntax", "schema", "long"],
)
def test_what_is_no_single_query_within_bounds_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        accepted(text)
    assert refused.value.field == "document"
