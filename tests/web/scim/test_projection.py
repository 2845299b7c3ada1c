import pytest

from harka.errors import ScimRequestError
from harka.web.scim.person import CORE, ENTERPRISE
from harka.web.scim.projection import projection_of

WHOLE = {
    "schemas": [CORE, ENTERPRISE],
    "id": "1",
    "userName": "a",
    "name": {"givenName": "A", "familyName": "B"},
    "emails": [{"value": "a@b", "type": "work"}, {"value": "c@d"}],
    ENTERPRISE: {"department": "X", "manager": {"value": "2", "displayName": "M"}},
}


@pytest.mark.parametrize(
    ("only", "told"),
    [
        ("username", {"userName": "a"}),
        (f"{CORE}:userName, name.givenName", {"userName": "a", "name": {"givenName": "A"}}),
        (["emails.TYPE"], {"emails": [{"type": "work"}, {}]}),
        (ENTERPRISE, {ENTERPRISE: WHOLE[ENTERPRISE]}),
        (f"{ENTERPRISE}:manager.value", {ENTERPRISE: {"manager": {"value": "2"}}}),
        ("nothing", {}),
    ],
)
def test_only_what_is_asked_for_is_told_with_what_always_is(only: object, told: dict[str, object]) -> None:
    assert projection_of(only, None, CORE).of(WHOLE) == {"schemas": WHOLE["schemas"], "id": "1", **told}


def test_what_is_excluded_is_left_out_but_never_the_id() -> None:
    told = projection_of(None, f"id,schemas,name,emails.value,{ENTERPRISE}:manager", CORE).of(WHOLE)
    assert told == {
        "schemas": WHOLE["schemas"],
        "id": "1",
        "userName": "a",
        "emails": [{"type": "work"}, {}],
        ENTERPRISE: {"department": "X"},
    }


def test_what_is_not_told_need_not_be_read() -> None:
    assert not projection_of(None, "groups", CORE).needs("groups")
    assert not projection_of("userName", None, CORE).needs("groups")
    assert projection_of("groups.value", None, CORE).needs("groups")
    assert projection_of("", "", CORE).of(WHOLE) is WHOLE


@pytest.mark.parametrize(("only", "without"), [("a", "b"), (5, None), ([5], None), (["a"] * 101, None)])
def test_what_names_no_attributes_is_refused(only: object, without: object) -> None:
    with pytest.raises(ScimRequestError):
        projection_of(only, without, CORE)
