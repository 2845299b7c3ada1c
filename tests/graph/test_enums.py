import enum
import re
from enum import Enum

import pytest

from harka.auth.permissions import PERMISSIONS
from harka.graph import bulk_enums, enums, event_enums, order_enums, schema, sso_enums, webhook_enums

ROOMS = (enums, bulk_enums, event_enums, order_enums, sso_enums, webhook_enums)
ENUMS = [getattr(room, name) for room in ROOMS for name in room.__all__]


@pytest.mark.parametrize("python", ENUMS, ids=lambda python: python.__name__)
def test_a_value_as_rows_hold_it_is_written_as_its_name(python: type[Enum]) -> None:
    graph = schema.core().type_map[python.__name__]
    for member in python:
        assert graph.coerce_output_value(str(member.value)) == member.name
        assert graph.coerce_output_value(member) == member.name
        assert graph.coerce_input_value(member.name) == member.value


def test_a_built_in_role_says_its_permissions() -> None:
    roles = schema.core().type_map["Role"].values
    for role, permissions in PERMISSIONS.items():
        said = roles[role.upper()].description
        assert {str(each) for each in permissions} == set(re.findall(r"`([a-z]+:[a-z]+)`", said))


def test_an_enum_joins_the_graph_once_and_with_words_for_every_value() -> None:
    class Colour(enum.StrEnum):
        RED = "red"

    with pytest.raises(KeyError):
        enums._describe(Colour, "A colour.")
    with pytest.raises(TypeError, match="in the graph already"):
        enums._describe(Colour, "A colour.", red="Red.")

    class Shade(enum.StrEnum):
        DARK = "dark"

    with pytest.raises(TypeError, match="has no light"):
        enums._describe(Shade, "A shade.", dark="Dark.", light="Light.")
