"""What clients send, read leniently where Okta and Entra need it, and refused in SCIM's words."""

from typing import Any

import pytest

from harka.errors import ScimRequestError, UnsupportedMediaTypeError
from harka.web.scim import models
from harka.web.scim.person import ENTERPRISE
from harka.web.scim.reading import patched, plain, read_object, read_resource

PERSON = {"userName": "a", "emails": [{"value": "a@b", "type": "work"}], "active": True}


def test_json_comes_as_either_type() -> None:
    for content_type in ("application/scim+json", "application/json; charset=utf-8", ""):
        assert read_object(b'{"a": 1}', content_type) == {"a": 1}
    with pytest.raises(UnsupportedMediaTypeError):
        read_object(b"{}", "text/plain")
    for body in (b"", b"[]", b"{", b'"text"'):
        with pytest.raises(ScimRequestError) as refused:
            read_object(body, "application/json")
        assert refused.value.kind == "invalidSyntax"


def test_names_are_read_in_any_case_and_what_is_ours_is_passed_over() -> None:
    said = {**PERSON, "DISPLAYNAME": "A", "id": "x", "Meta": 5, "groups": "x", "password": "p", "unknown": 1}
    read = plain(read_resource(models.Person, said))
    assert (read["displayName"], read["userName"]) == ("A", "a")
    assert {"id", "groups", "password", "unknown"} & read.keys() == set()


def test_a_value_alone_is_an_object_with_it() -> None:
    said = {**PERSON, "roles": ["manager"], ENTERPRISE: {"manager": "m"}}
    read = plain(read_resource(models.Person, said))
    assert (read["roles"], read[ENTERPRISE]) == ([{"value": "manager"}], {"manager": {"value": "m"}})


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "move", "path": "title", "value": "x"}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "emails[type eq", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
    ],
)
def test_what_cannot_be_done_is_told_by_its_keyword(operation: Any, kind: str) -> None:
    person = models.Person.model_validate(PERSON)
    with pytest.raises(ScimRequestError) as refused:
        patched(person, {"Operations": [operation]})
    assert refused.value.kind == kind
    assert plain(person)["userName"] == "a"
