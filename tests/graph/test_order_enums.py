import pytest
from graphql import GraphQLInputObjectType, get_named_type

from harka.graph import order_enums, schema

TYPES = schema.core().type_map


@pytest.mark.parametrize("name", order_enums.__all__)
def test_an_order_is_asked_for_by_an_input_of_its_list(name: str) -> None:
    asked = TYPES[f"{name}By"]
    assert isinstance(asked, GraphQLInputObjectType)
    assert get_named_type(asked.fields["field"].type) is TYPES[name]
    assert asked.fields["direction"].default_value == "asc"
