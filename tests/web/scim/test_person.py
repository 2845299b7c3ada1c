"""What a directory says is kept as it was said, and told so again."""

from typing import Any

import pytest

from harka import clock
from harka.codec import json_bytes
from harka.errors import ScimRequestError
from harka.ids import NodeIds, new_id
from harka.learning.scim_user import Person
from harka.repositories.scim_user import ScimUser
from harka.web.scim.names import Names
from harka.web.scim.person import person_of, resource_of

NAMES = Names(NodeIds(b"k" * 32), new_id(), "http://a.example/scim/v2")


def kept(person: Person, **more: Any) -> ScimUser:
    """As they are stored."""
    now = clock.now()
    values = {
        "id": new_id(),
        "email": person.email,
        "name": person.name,
        "role": person.role or "learner",
        "status": "active",
        "locale": person.locale,
        "timezone": person.timezone,
        "created_at": now,
        "updated_at": now,
        "version": 3,
        "role_id": None,
        "user_name": person.user_name,
        "external_id": person.external_id,
        "email_type": person.email_type,
        "attributes": json_bytes(person.attributes).decode(),
    }
    return ScimUser(**{**values, **more})


@pytest.mark.parametrize(
    "said",
    [
        {"userName": "a@b.example", "displayName": "A"},
        {"userName": "a", "emails": [{"value": "x@y", "type": "home"}, {"value": "a@b", "primary": True}]},
        {"userName": "a", "emails": [{"value": "x@y", "type": "home"}, {"value": "a@b", "type": "work"}]},
        {"userName": "a@b", "name": {"givenName": "A", "familyName": "B"}, "title": "T", "nickName": "N"},
        {"userName": "a@b", "locale": "en_US", "timezone": "UTC", "externalId": "x"},
        {"userName": "a@b", "preferredLanguage": "de-DE,en;q=0.5"},
        {"userName": "a@b", "preferredLanguage": "neither one nor the other"},
        {"userName": "a@b", "roles": [{"value": "Manager", "display": "Head"}]},
    ],
)
def test_what_was_said_is_told(said: dict[str, Any]) -> None:
    told = resource_of(kept(person_of(said)), [], NAMES)
    expected = {"emails": [{"value": said["userName"], "type": "work", "primary": True}], **said}
    assert {name: value for name, value in told.items() if name in expected} == expected
    assert told["meta"]["version"] == 'W/"3"'


def test_the_address_is_the_primary_one_or_that_for_work_or_the_first() -> None:
    home, work = {"value": "h@x", "type": "home"}, {"value": "w@x", "type": "work"}
    for emails, address, kind in (
        ([home, work], "w@x", "work"),
        ([home], "h@x", "home"),
        ([work, {**home, "primary": True}], "h@x", "home"),
        ([{"type": "work"}, home], "h@x", "home"),
    ):
        person = person_of({"userName": "a", "emails": emails})
        assert (person.email, person.email_type) == (address, kind)


def test_a_name_is_what_is_shown_or_made_of_its_parts() -> None:
    parts = {"givenName": "Ada", "familyName": "Lovelace"}
    for said, name in (
        ({"displayName": "D", "name": {"formatted": "F", **parts}}, "D"),
        ({"name": {"formatted": "F", **parts}}, "F"),
        ({"name": parts}, "Ada Lovelace"),
        ({"name": {"familyName": "Lovelace"}}, "Lovelace"),
        ({}, "a@b"),
    ):
        assert person_of({"userName": "a@b", **said}).name == name


def test_whoever_has_another_name_now_is_told_by_it() -> None:
    person = person_of(
        {"userName": "a@b", "displayName": "Old", "name": {"formatted": "Old", "givenName": "O"}}
    )
    told = resource_of(kept(person, name="New", locale="fr", role="admin"), [], NAMES)
    assert (told["displayName"], told["name"]) == ("New", {"formatted": "New", "givenName": "O"})
    assert (told["locale"], told["roles"]) == ("fr", [{"value": "admin", "primary": True}])


def test_without_roles_one_is_what_one_was_unless_the_directory_had_given_one() -> None:
    assert person_of({"userName": "a@b"}).role is None
    assert person_of({"userName": "a@b"}, {"roles": [{"value": "manager"}]}).role == "learner"
    assert (
        person_of({"userName": "a@b", "roles": [{"value": "x"}, {"value": "INSTRUCTOR"}]}).role
        == "instructor"
    )
    with pytest.raises(ScimRequestError):
        person_of({"userName": "a@b", "roles": [{"value": "x"}]})


def test_who_could_not_be_reached_is_nobody() -> None:
    for said in ({"userName": "a"}, {"userName": "a", "emails": []}, {}):
        with pytest.raises(ScimRequestError):
            person_of(said)
