"""Every mutation's payload can tell what the user can mend, and then holds nothing else."""

import pytest
from graphql import GraphQLNonNull, get_named_type

from harka.graph import schema
from harka.graph.atomic import MENDABLE
from harka.graph.enums import UserErrorCode
from school import School

MUTATION = schema.core().mutation_type
PAYLOADS = {str(get_named_type(field.type)): get_named_type(field.type) for field in MUTATION.fields.values()}


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_everything_but_the_errors_may_be_null(name: str) -> None:
    fields = dict(PAYLOADS[name].fields)
    assert str(fields.pop("errors").type) == "[UserError!]!"
    assert "clientMutationId" in fields
    assert not any(isinstance(field.type, GraphQLNonNull) for field in fields.values())


def test_what_can_be_mended_has_a_code() -> None:
    assert {error.code for error in MENDABLE} == {code.value for code in UserErrorCode}


async def test_a_refusal_says_what_to_mend_and_whose_it_is(school: School) -> None:
    reply = await school.ask(
        """mutation { createCourse(input: {title: "", code: "X", clientMutationId: "mine"}) {
          errors { __typename code field message } clientMutationId course { id } } }"""
    )
    (error,) = reply.data["createCourse"].pop("errors")
    assert error.pop("message").endswith(".")
    assert error == {"__typename": "UserError", "code": "VALIDATION_FAILED", "field": "title"}
    assert reply.data["createCourse"] == {"clientMutationId": "mine", "course": None}
