"""What a PATCH does to a group, as steps."""

from typing import Any
from uuid import UUID

import pytest

from harka.errors import ScimRequestError
from harka.ids import NodeIds, NodeKind
from harka.learning.scim_group import Change
from harka.web.scim.members import people_of, steps_of
from harka.web.scim.names import Names

NAMES = Names(NodeIds(b"k" * 32), UUID(int=1), "")
ADA, BOB = UUID(int=2), UUID(int=3)
A, B = (NAMES.id(NodeKind.USER, each) for each in (ADA, BOB))


def steps(*operations: Any) -> list[Change]:
    return steps_of({"operations": list(operations)}, NAMES)


def test_members_are_named_in_every_way_they_are() -> None:
    assert people_of([{"value": A}, B], NAMES) == {ADA, BOB}
    assert people_of(A, NAMES) == {ADA}
    for nobody in ("x", {"value": None}, {}, [5], {"value": A, "type": "Group"}):
        with pytest.raises(ScimRequestError):
            people_of(nobody, NAMES)


def test_steps_come_in_their_order() -> None:
    assert steps(
        {"op": "ADD", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": [A]},
        {"Op": "Remove", "Path": f'members[value eq "{A}" or value eq "{B}"]'},
        {"op": "replace", "value": {"displayName": "X", "members": [B], "externalId": "", "id": "i"}},
        {"op": "remove", "path": "externalId"},
    ) == [
        Change(added=frozenset({ADA})),
        Change(removed=frozenset({ADA, BOB})),
        Change(name="X"),
        Change(members=frozenset({BOB})),
        Change(external_id=None),
        Change(external_id=None),
    ]


def test_who_is_not_here_is_in_no_group() -> None:
    assert steps({"op": "remove", "path": "members", "value": [{"value": "x"}, A]}) == [
        Change(removed=frozenset({ADA}))
    ]
    assert steps({"op": "remove", "path": 'members[value eq "x"]'}) == [Change()]


def test_what_is_no_attribute_here_is_passed_over() -> None:
    assert steps({"op": "replace", "path": "description", "value": "x"}) == []


@pytest.mark.parametrize("given", [{}, {"Operations": []}, {"Operations": {}}, {"Operations": [{}] * 1001}])
def test_so_many_operations_are_a_request(given: Any) -> None:
    with pytest.raises(ScimRequestError):
        steps_of(given, NAMES)
