import pytest
from graphql import DocumentNode

from harka.graph import schema
from harka.graph.document import Documents, RefusedError, find_operation
from harka.graph.limits import Limits


def documents(limits: Limits | None = None, *, introspection: bool = True) -> Documents:
    return Documents(schema.core(), limits or Limits(), introspection=introspection)


def prepare(text: str, *, hide_suggestions: bool = False) -> DocumentNode:
    return documents().prepare(text, hide_suggestions=hide_suggestions).tree


def refused(text: str, made: Documents | None = None, *, hide_suggestions: bool = False) -> RefusedError:
    with pytest.raises(RefusedError) as found:
        (made or documents()).prepare(text, hide_suggestions=hide_suggestions)
    return found.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ('{ course(code: "\\uD800") { id } }', "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ courses { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ courses(first: "1") { nodes { id } } }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...a } fragment a on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ viewer " * 250 + "{ id" + "}" * 251, "GRAPHQL_LIMIT_EXCEEDED"),
        ("{" + " a" * 5_001 + "}", "GRAPHQL_LIMIT_EXCEEDED"),
        ("{ viewer { kind } }" + "\n#" * 5_001, "GRAPHQL_LIMIT_EXCEEDED"),
        ("{ viewer { kind } }" + " " * 100_000, "GRAPHQL_LIMIT_EXCEEDED"),
        ("{" + " ".join(f"a{n}: viewer {{ kind }}" for n in range(31)) + "}", "GRAPHQL_LIMIT_EXCEEDED"),
    ],
)
def test_a_refusal_has_the_code_of_its_reason(text: str, code: str) -> None:
    error = refused(text)
    assert error.cause.code == code
    assert error.errors


def test_text_of_the_client_does_not_choose_the_code() -> None:
    error = refused('{ a(b: "Document contains more than") "Document contains more than"')
    assert error.cause.code == "GRAPHQL_PARSE_FAILED"


def test_suggestions_are_for_callers_who_are_known() -> None:
    assert "Did you mean" in refused("{ course { id } viewr { kind } }").errors[0].message
    hidden = refused("{ viewr { kind } courses(frist: 1) { nodes { id } } }", hide_suggestions=True)
    assert not [error for error in hidden.errors if "Did you mean" in error.message]


def test_few_errors_are_enough() -> None:
    assert len(refused("{ viewer {" + " ".join(f"wrong{n}" for n in range(200)) + "} }").errors) <= 21


def test_of_a_large_document_fewer_errors_are_told() -> None:
    """One error may print all of it."""
    assert len(refused("{ viewer {" + " ".join(f"wrong{n}" for n in range(1_900)) + "} }").errors) <= 6


def test_introspection_can_be_switched_off() -> None:
    closed = documents(introspection=False)
    assert refused("{ __schema { types { name } } }", closed).cause.code == "GRAPHQL_VALIDATION_FAILED"
    assert closed.prepare("{ __typename }", hide_suggestions=False)


def test_a_valid_document_is_kept_and_an_invalid_one_is_not() -> None:
    made = documents()
    text = "{ viewer { kind } }"
    assert made.prepare(text, hide_suggestions=True) is made.prepare(text, hide_suggestions=False)
    first, second = refused("{ nothing }", made), refused("{ nothing }", made)
    assert first is not second


def test_the_kept_documents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.graph.document.CACHED_BYTES", 100_000)
    made = documents()
    first = made.prepare("{ viewer { kind } }", hide_suggestions=True)
    for number in range(10):
        made.prepare(f"query Q{number} {{ viewer {{ kind }} }}", hide_suggestions=True)
    assert made.prepare("{ viewer { kind } }", hide_suggestions=True) is not first


@pytest.mark.parametrize("name", [None, "Gone"])
def test_an_operation_must_be_named_when_there_are_several(name: str | None) -> None:
    document = prepare("query A { viewer { kind } } query B { viewer { kind } }")
    with pytest.raises(RefusedError):
        find_operation(document, name)
    assert find_operation(document, "B").name.value == "B"


def test_each_operation_of_a_document_is_its_own() -> None:
    document = documents().prepare(
        "query A { viewer { kind } } query B { viewer { kind } }", hide_suggestions=True
    )
    for _ in range(2):
        assert [document.operation(name).name for name in ("A", "B")] == ["A", "B"]
    with pytest.raises(RefusedError):
        document.operation(None)


def test_a_document_without_an_operation_is_refused() -> None:
    document = DocumentNode(definitions=())
    with pytest.raises(RefusedError):
        find_operation(document, None)
