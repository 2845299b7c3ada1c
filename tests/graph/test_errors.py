from typing import Any

import pytest
from graphql import GraphQLError, parse

from harka.errors import (
    DeadlineExceededError,
    ForbiddenError,
    HarkaError,
    InternalError,
    TenantRequiredError,
    UnavailableError,
    ValidationError,
)
from harka.graph.errors import cause_of, masked, outage, show_all, show_failure, show_refusal

NODE = parse("{ a }").definitions[0]


class ForgetfulError(HarkaError):
    """Who wrote this gave no code."""


@pytest.mark.parametrize(
    "bug", [RuntimeError("secret"), TenantRequiredError(), InternalError("secret"), ForgetfulError()]
)
def test_a_bug_says_nothing_of_itself(bug: Exception) -> None:
    shown = masked(bug)
    assert (shown.code, shown.message) == ("INTERNAL", "Something went wrong on our side.")


def test_a_failure_of_ours_speaks() -> None:
    (shown,) = show_all(
        [GraphQLError("x", original_error=ValidationError("Bad.", field="title"), path=["a", 0])], "r1"
    )
    assert shown == {
        "message": "Bad.",
        "path": ["a", 0],
        "extensions": {"code": "VALIDATION_FAILED", "field": "title", "requestId": "r1"},
    }


def test_the_cause_is_where_it_began() -> None:
    cause = ForbiddenError()
    assert cause_of(GraphQLError("x", original_error=GraphQLError("y", original_error=cause))) is cause


def test_a_bad_argument_is_the_clients_and_a_bad_answer_is_ours() -> None:
    argument = GraphQLError("Argument 'x' is no Int.", nodes=[NODE])
    answer = GraphQLError("Int cannot represent 'secret'.")
    of_argument, of_answer = show_all(
        [GraphQLError("x", original_error=argument), GraphQLError("x", original_error=answer)], "r1"
    )
    assert of_argument["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert of_argument["message"] == "Argument 'x' is no Int."
    assert of_answer["extensions"]["code"] == "INTERNAL"
    assert "secret" not in of_answer["message"]


def test_a_refusal_keeps_the_words_and_places_of_graphql() -> None:
    (shown,) = show_refusal([GraphQLError("No such field.", nodes=[NODE])], ValidationError(), "r1")
    assert shown["message"] == "No such field."
    assert shown["locations"] == [{"line": 1, "column": 1}]
    assert shown["extensions"] == {"code": "VALIDATION_FAILED", "requestId": "r1"}


def test_an_answer_does_not_grow_with_what_is_refused() -> None:
    long = GraphQLError("x" * 10_000, nodes=[NODE] * 100)
    (refused,) = show_refusal([long], ValidationError(), "r1")
    (failed,) = show_all([long], "r1")
    for shown in (refused, failed):
        assert len(shown["message"]) == 502
        assert len(shown["locations"]) == 10


def test_a_failure_of_the_whole_is_masked_too() -> None:
    failure, (shown,) = show_failure(RuntimeError("secret"), "r1")
    assert isinstance(failure, InternalError)
    assert shown["extensions"] == {"code": "INTERNAL", "requestId": "r1"}
    assert "secret" not in shown["message"]


DOWN, LATE, REFUSED = UnavailableError(), DeadlineExceededError(), ForbiddenError()


@pytest.mark.parametrize(
    ("failed", "data", "found"),
    [
        ({"a": DOWN}, {"a": None}, DOWN),
        ({"a": LATE, "b": DOWN}, {"a": None, "b": None}, LATE),
        ({"a": DOWN}, None, DOWN),
        ({"a": DOWN}, {"a": None, "b": 1}, None),
        ({"a": DOWN}, {"a": None, "b": None}, None),
        ({"a": DOWN, "b": REFUSED}, {"a": None, "b": None}, None),
        ({"a": REFUSED}, {"a": None}, None),
        ({"a": DOWN}, {"a": {"b": None}}, None),
    ],
)
def test_an_outage_failed_every_root_field(
    failed: dict[str, Exception], data: dict[str, Any] | None, found: Exception | None
) -> None:
    errors = [GraphQLError("x", original_error=cause, path=[name, "b"]) for name, cause in failed.items()]
    assert outage(errors, data) is found


def test_one_field_can_fail_in_several_ways() -> None:
    errors = [GraphQLError("x", original_error=cause, path=["a", 0]) for cause in (REFUSED, DOWN)]
    assert outage(errors, {"a": None}) is None
