"""People as Okta and Entra write them, and what becomes of them here."""

from typing import Any

import pytest

from harka.auth import api_key
from harka.ids import NodeKind
from harka.learning import user
from harka.repositories import event as events
from harka.tenancy.entitling import Wanted, change
from school import School, school
from scim_school import ENTERPRISE, Directory, described, directory

__all__ = ["directory", "school"]

WHO = "query ($id: ID!) { user(id: $id) { email name role status locale timezone externalId version } }"

OKTA = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "isaac.brock@example.com",
    "name": {"givenName": "Isaac", "familyName": "Brock"},
    "emails": [{"primary": True, "value": "isaac.brock@example.com", "type": "work"}],
    "displayName": "Isaac Brock",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}
ENTRA: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "Test_User_ab6490ee@contoso.com",
    "active": "True",
    "displayName": "lennay",
    "emails": [{"type": "work", "value": "testuser@contoso.com"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Adrienne McNally", "familyName": "McNally", "givenName": "Adrienne"},
    ENTERPRISE: {"department": "Physics", "manager": "b1a4"},
    "roles": [],
}


async def seen(school: School, resource: Any) -> Any:
    return (await school.ask(WHO, {"id": resource["id"]})).data["user"]


async def test_okta_makes_finds_changes_and_takes_away_somebody(school: School, directory: Directory) -> None:
    looked_for = await directory.get("/Users", filter='userName eq "isaac.brock@example.com"')
    assert (looked_for["totalResults"], looked_for["Resources"]) == (0, [])
    made = await directory.post("/Users", OKTA)
    assert "password" not in made
    assert made["meta"]["location"].endswith(f"/scim/v2/Users/{made['id']}")
    person = await seen(school, made)
    assert person == {
        "email": "isaac.brock@example.com",
        "name": "Isaac Brock",
        "role": "LEARNER",
        "status": "ACTIVE",
        "locale": "en-US",
        "timezone": None,
        "externalId": "00ujl29u0le5T6Aj10h7",
        "version": 1,
    }
    (found,) = (await directory.get("/Users", filter='userName eq "ISAAC.Brock@example.com"'))["Resources"]
    assert found == made

    changed = await directory.put(f"/Users/{made['id']}", {**OKTA, "displayName": "Ike", "title": "Singer"})
    assert (changed["displayName"], changed["title"]) == ("Ike", "Singer")
    assert (await seen(school, made))["name"] == "Ike"
    off = await directory.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    assert off["active"] is False
    assert (await seen(school, made))["status"] == "INACTIVE"
    on = await directory.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}})
    assert (on["active"], on["title"]) == (True, "Singer")


async def test_entra_makes_and_changes_somebody_in_its_own_way(school: School, directory: Directory) -> None:
    made = await directory.post("/Users", ENTRA)
    assert made[ENTERPRISE] == {"department": "Physics", "manager": {"value": "b1a4"}}
    assert made["active"] is True
    assert (await seen(school, made))["email"] == "testuser@contoso.com"
    address = f"/Users/{made['id']}"
    changed = await directory.patch(
        address,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "updated@contoso.com"},
        {"op": "Add", "path": "name.familyName", "value": "Adams"},
        {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Chemistry"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "c2b5"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 201"},
        {"op": "Replace", "path": "active", "value": "False"},
    )
    assert changed["emails"] == [{"type": "work", "value": "updated@contoso.com"}]
    assert changed["name"]["familyName"] == "Adams"
    assert changed[ENTERPRISE] == {"department": "Chemistry", "manager": {"value": "c2b5"}}
    assert changed["phoneNumbers"] == [{"type": "mobile", "value": "+1 201"}]
    person = await seen(school, made)
    assert (person["email"], person["status"]) == ("updated@contoso.com", "INACTIVE")

    pathless = {"displayName": "Adrienne", "name.givenName": "Addie", f"{ENTERPRISE}:department": "Art"}
    changed = await directory.patch(address, {"op": "Replace", "value": pathless})
    assert (changed["displayName"], changed["name"]["givenName"]) == ("Adrienne", "Addie")
    assert changed[ENTERPRISE]["department"] == "Art"
    (found,) = (await directory.get("/Users", filter=f'externalId eq "{ENTRA["externalId"]}"'))["Resources"]
    assert found == changed
    asked = 'emails[type eq "work" and value eq "Updated@contoso.com"] and active eq false'
    assert (await directory.get("/Users", filter=asked))["Resources"] == [changed]


async def test_whoever_is_here_already_is_found_by_their_address_and_taken_over(
    school: School, directory: Directory
) -> None:
    email = school.learner.email
    (found,) = (await directory.get("/Users", filter=f'userName eq "{email}"'))["Resources"]
    assert found["id"] == school.id(NodeKind.USER, school.learner)
    assert (found["displayName"], "externalId" in found) == (school.learner.name, False)
    assert await directory.refused("POST", "/Users", described(email)) == (409, "uniqueness")
    changed = await directory.put(
        f"/Users/{found['id']}", described("somebody", externalId="x1", emails=[{"value": email}])
    )
    assert (changed["userName"], changed["externalId"]) == ("somebody", "x1")
    # a name takes the place of the address
    assert (await directory.get("/Users", filter=f'userName eq "{email}"'))["totalResults"] == 0
    assert (await directory.get("/Users", filter='userName eq "SomeBody"'))["totalResults"] == 1


async def test_what_somebody_here_has_changed_is_told(school: School, directory: Directory) -> None:
    made = await directory.post("/Users", OKTA)
    row = await _row(school, made)
    async with school.work() as work:
        changes = user.UserChanges(name="Renamed", email="renamed@example.com", locale="fr")
        await user.update(work, row, changes, version=1)
    told = await directory.get(f"/Users/{made['id']}")
    assert (told["displayName"], told["locale"]) == ("Renamed", "fr")
    assert told["emails"] == [{"primary": True, "value": "renamed@example.com", "type": "work"}]
    assert told["userName"] == OKTA["userName"]


async def test_nothing_is_written_where_nothing_is_different(school: School, directory: Directory) -> None:
    made = await directory.post("/Users", ENTRA)
    before = await _events(school)
    again = await directory.put(f"/Users/{made['id']}", ENTRA)
    assert again == made
    assert await _events(school) == before
    titled = await directory.patch(f"/Users/{made['id']}", {"op": "add", "path": "title", "value": "Dr"})
    # another version, and nothing that concerns anybody else
    assert titled["meta"]["version"] != made["meta"]["version"]
    assert await _events(school) == before


@pytest.mark.parametrize("how", ["put", "patch", "delete"])
async def test_whoever_is_taken_away_is_let_in_no_more(
    school: School, directory: Directory, how: str
) -> None:
    made = await directory.post("/Users", OKTA)
    row = await _row(school, made)
    async with school.work() as work:
        person = (await user.find_many(work, [row]))[row]
    acting = await api_key.create(
        school.runtime.catalog, school.organization.id, name="theirs", scopes=["course:read"], user=row
    )
    await school.runtime.directory.refresh()
    shown = [await school.headers(person), {"x-api-key": acting.text}]
    asked = {"query": "{ viewer { kind } }"}
    assert [(await school.send(json=asked, headers=each)).status_code for each in shown] == [200, 200]
    address = f"/Users/{made['id']}"
    if how == "delete":
        assert (await directory.send("DELETE", address)).status_code == 204
    elif how == "put":
        await directory.put(address, {**OKTA, "active": False})
    else:
        await directory.patch(address, {"op": "Replace", "path": "active", "value": "False"})
    assert [(await school.send(json=asked, headers=each)).status_code for each in shown] == [401, 401]
    told = (await _events(school))[-1]
    assert (told.type, told.actor_kind) == ("user.deactivated", "scim")


async def test_whom_the_directory_deletes_it_finds_no_more_until_it_makes_them_again(
    school: School, directory: Directory
) -> None:
    made = await directory.post("/Users", OKTA)
    group = await directory.post("/Groups", {"displayName": "Team", "members": [{"value": made["id"]}]})
    assert (await directory.send("DELETE", f"/Users/{made['id']}")).status_code == 204
    for method, body in (("GET", None), ("PUT", OKTA), ("DELETE", None), ("PATCH", {"Operations": []})):
        assert await directory.refused(method, f"/Users/{made['id']}", body) == (404, None)
    assert (await directory.get("/Users", filter=f'userName eq "{OKTA["userName"]}"'))["totalResults"] == 0
    assert "members" not in await directory.get(f"/Groups/{group['id']}")
    # what they learned is here, and theirs again
    again = await directory.post("/Users", {**OKTA, "displayName": "Back"})
    assert (again["id"], again["active"], again["displayName"]) == (made["id"], True, "Back")
    assert await directory.refused("POST", "/Users", OKTA) == (409, "uniqueness")


async def test_whom_somebody_here_lets_in_again_is_found_again(school: School, directory: Directory) -> None:
    made = await directory.post("/Users", OKTA)
    await directory.send("DELETE", f"/Users/{made['id']}")
    row = await _row(school, made)
    async with school.work() as work:
        await user.reactivate(work, row)
    assert (await directory.get(f"/Users/{made['id']}"))["active"] is True


async def test_roles_are_given_up_to_manager_and_those_beyond_are_kept(
    school: School, directory: Directory
) -> None:
    made = await directory.post("/Users", {**OKTA, "roles": [{"value": "Instructor", "primary": True}]})
    assert (await seen(school, made))["role"] == "INSTRUCTOR"
    assert made["roles"] == [{"value": "Instructor", "primary": True}]
    address = f"/Users/{made['id']}"
    await directory.patch(
        address, {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "manager"}
    )
    assert (await seen(school, made))["role"] == "MANAGER"
    for beyond in ("admin", "owner", "custom", "chief"):
        body = {"Operations": [{"op": "replace", "path": "roles", "value": [{"value": beyond}]}]}
        assert await directory.refused("PATCH", address, body) == (400, "invalidValue")
    assert (await seen(school, made))["role"] == "MANAGER"
    gone = await directory.patch(address, {"op": "remove", "path": "roles"})
    assert "roles" not in gone
    assert (await seen(school, made))["role"] == "LEARNER"

    owner = f"/Users/{school.id(NodeKind.USER, school.owner)}"
    kept = await directory.put(
        owner, described(school.owner.email, displayName="Chief", roles=[{"value": "learner"}])
    )
    assert (kept["roles"], kept["displayName"]) == ([{"value": "owner", "primary": True}], "Chief")


async def test_the_last_owner_stays(school: School, directory: Directory) -> None:
    owner = f"/Users/{school.id(NodeKind.USER, school.owner)}"
    assert await directory.refused("DELETE", owner) == (409, None)
    inactive = {"Operations": [{"op": "replace", "value": {"active": False}}]}
    assert await directory.refused("PATCH", owner, inactive) == (409, None)
    assert (await directory.get(owner))["active"] is True


async def test_a_name_or_an_address_is_one_persons(school: School, directory: Directory) -> None:
    await directory.post("/Users", OKTA)
    made = await directory.post("/Users", described("other", emails=[{"value": "other@example.com"}]))
    taken = {"emails": [{"value": "Isaac.Brock@example.com"}]}
    assert await directory.refused("POST", "/Users", described("new", **taken)) == (409, "uniqueness")
    assert await directory.refused(
        "POST", "/Users", described("OTHER", emails=[{"value": "n@example.com"}])
    ) == (
        409,
        "uniqueness",
    )
    address = f"/Users/{made['id']}"
    assert await directory.refused("PUT", address, described("other", **taken)) == (409, "uniqueness")
    assert await directory.refused(
        "PUT", address, described(str(OKTA["userName"]), emails=[{"value": "other@example.com"}])
    ) == (409, "uniqueness")
    assert await directory.get(address) == made


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "invalidValue"),
        (described("no-address"), "invalidValue"),
        (described("x@example.com", emails=[{"value": "nobody"}]), "invalidValue"),
        (described("x@example.com", timezone="Mars/Olympus"), "invalidValue"),
        (described("x@example.com", locale="not a language"), "invalidValue"),
        (described("x@example.com", active="perhaps"), "invalidValue"),
        (described("x@example.com", name="Text"), "invalidValue"),
        (described("x@example.com", emails={"value": "x@example.com"}), "invalidValue"),
        (described("x@example.com", externalId="x" * 300), "invalidValue"),
        (described("x@example.com", title="x" * 40_000), "invalidValue"),
        (described("x@example.com", displayName="a\x00b"), "invalidValue"),
        ([], "invalidSyntax"),
    ],
)
async def test_what_is_wrong_with_somebody_is_told_and_nobody_is_made(
    school: School, directory: Directory, body: Any, kind: str
) -> None:
    assert await directory.refused("POST", "/Users", body) == (400, kind)
    assert (await directory.get("/Users", count=0))["totalResults"] == len(school.people)


async def test_versions_guard_a_change(school: School, directory: Directory) -> None:
    answer = await directory.send("POST", "/Users", OKTA)
    first, address = answer.headers["etag"], f"/Users/{answer.json()['id']}"
    assert answer.headers["location"].endswith(address)
    assert answer.json()["meta"]["version"] == first
    known = await directory.send("GET", address, headers={"if-none-match": first})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first)
    changed = await directory.send("PUT", address, {**OKTA, "title": "A"}, headers={"if-match": first})
    assert (changed.status_code, changed.headers["etag"] != first) == (200, True)
    for method, body in (
        ("PUT", OKTA),
        ("PATCH", {"Operations": [{"op": "remove", "path": "title"}]}),
        ("DELETE", None),
    ):
        assert await directory.refused(method, address, body, headers={"if-match": first}) == (412, None)
    assert (await directory.send("GET", address, headers={"if-none-match": first})).status_code == 200
    both = {"if-match": f"{first}, {changed.headers['etag']}"}
    assert (await directory.send("DELETE", address, headers=both)).status_code == 204


async def test_no_seat_is_a_clear_refusal(school: School, directory: Directory) -> None:
    full = Wanted(limits={"users": 4})
    await change(school.runtime.catalog, school.organization, full, actor="test")
    await school.runtime.directory.reread(school.organization.id)
    answer = await directory.send("POST", "/Users", OKTA)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "No seat is left for them: the organization's plan has 4 users."
    # who is not let in takes none
    await directory.post("/Users", {**OKTA, "active": False})


async def test_attributes_are_told_as_they_are_asked_for(directory: Directory) -> None:
    made = await directory.post("/Users?attributes=userName,name.givenName", ENTRA)
    assert made == {
        "schemas": ENTRA["schemas"],
        "id": made["id"],
        "userName": ENTRA["userName"],
        "name": {"givenName": "Adrienne"},
    }
    asked = await directory.get(f"/Users/{made['id']}", attributes=f"{ENTERPRISE}:department,emails.value")
    assert asked[ENTERPRISE] == {"department": "Physics"}
    assert asked["emails"] == [{"value": "testuser@contoso.com"}]
    left = await directory.get(f"/Users/{made['id']}", excludedAttributes="name.formatted,emails,userName")
    assert {"emails", "userName"} & left.keys() == set()
    assert left["name"] == {"familyName": "McNally", "givenName": "Adrienne"}


async def _row(school: School, resource: Any) -> Any:
    return school.runtime.node_ids.open_as(school.organization.id, NodeKind.USER, resource["id"])


async def _events(school: School) -> list[Any]:
    async with school.work() as work:
        return list(await events.list_page(work.session, after=None, first=1000, types=None))
