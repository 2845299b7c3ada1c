"""Groups as Okta and Entra write them."""

from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School, school
from scim_school import Directory, described, directory

__all__ = ["directory", "school"]

WHO = """query ($id: ID!) { group(id: $id) { name externalId parent { id }
  members(first: 50) { nodes { id } } } }"""


@pytest.fixture
def people(school: School) -> list[str]:
    return [school.id(NodeKind.USER, person) for person in school.people]


async def seen(school: School, resource: Any) -> Any:
    return (await school.ask(WHO, {"id": resource["id"]})).data["group"]


def members(resource: Any) -> set[str]:
    return {each["value"] for each in resource.get("members", ())}


async def test_okta_makes_renames_fills_and_deletes_a_group(
    school: School, directory: Directory, people: list[str]
) -> None:
    made = await directory.post("/Groups", {"displayName": "Test SCIMv2", "members": []})
    assert "members" not in made
    (found,) = (await directory.get("/Groups", filter='displayName eq "test scimv2"'))["Resources"]
    assert found["id"] == made["id"]
    address = f"/Groups/{made['id']}"
    renamed = {"op": "replace", "value": {"id": made["id"], "displayName": "Renamed"}}
    assert await directory.patch(address, renamed, status=204) is None
    added = {"op": "add", "path": "members", "value": [{"value": people[1], "display": "x"}]}
    await directory.patch(address, added, added, status=204)
    assert members(await directory.get(address)) == {people[1]}
    removed = {"op": "remove", "path": f'members[value eq "{people[1]}"]'}
    await directory.patch(address, removed, {**added, "value": [{"value": people[2]}]}, status=204)
    group = await seen(school, made)
    assert (group["name"], group["parent"]) == ("Renamed", None)
    assert [each["id"] for each in group["members"]["nodes"]] == [people[2]]
    everybody = {"op": "replace", "path": "members", "value": [{"value": each} for each in people]}
    await directory.patch(address, everybody, status=204)
    assert members(await directory.get(address)) == set(people)
    assert (await directory.send("DELETE", address)).status_code == 204
    assert await directory.refused("GET", address) == (404, None)
    assert await seen(school, made) is None


async def test_entra_makes_and_changes_a_group_in_its_own_way(
    school: School, directory: Directory, people: list[str]
) -> None:
    body = {"externalId": "8aa1", "displayName": "Sales", "meta": {"resourceType": "Group"}}
    made = await directory.post("/Groups", body)
    address = f"/Groups/{made['id']}"
    await directory.patch(
        address,
        {"op": "Add", "path": "members", "value": [{"$ref": None, "value": each} for each in people[:3]]},
        {"op": "Replace", "path": "displayName", "value": "Sales EMEA"},
        status=204,
    )
    asked = {"filter": 'externalId eq "8aa1"', "excludedAttributes": "members"}
    (found,) = (await directory.get("/Groups", **asked))["Resources"]
    assert (found["displayName"], "members" in found) == ("Sales EMEA", False)
    gone = {"op": "Remove", "path": "members", "value": [{"value": people[0]}, {"value": people[3]}]}
    await directory.patch(address, gone, status=204)
    assert members(await directory.get(address)) == set(people[1:3])
    assert (await seen(school, made))["externalId"] == "8aa1"
    await directory.patch(address, {"op": "Remove", "path": "members"}, status=204)
    assert members(await directory.get(address)) == set()


async def test_of_whom_they_consist_is_told_by_people_too(directory: Directory, people: list[str]) -> None:
    made = await directory.post("/Groups", {"displayName": "Team", "members": [{"value": people[1]}]})
    person = await directory.get(f"/Users/{people[1]}")
    assert [each for each in person["groups"] if each["display"] == "Team"] == [
        {
            "value": made["id"],
            "$ref": made["meta"]["location"],
            "display": "Team",
            "type": "direct",
        }
    ]
    for asked in (f'groups eq "{made["id"]}"', f'groups[value eq "{made["id"]}"]'):
        found = await directory.get("/Users", filter=asked)
        assert [each["id"] for each in found["Resources"]] == [people[1]]
    found = await directory.get("/Groups", filter=f'members.value eq "{people[1]}"')
    assert made["id"] in [each["id"] for each in found["Resources"]]


async def test_a_put_says_all_of_it(directory: Directory, people: list[str]) -> None:
    made = await directory.post(
        "/Groups", {"displayName": "Team", "externalId": "x", "members": [{"value": people[1]}]}
    )
    address = f"/Groups/{made['id']}"
    changed = await directory.put(address, {"displayName": "Team", "members": [{"value": people[2]}]})
    assert (members(changed), "externalId" in changed) == ({people[2]}, False)
    assert await directory.put(address, {"displayName": "Team", "members": [{"value": people[2]}]}) == changed


async def test_versions_guard_a_change_and_know_who_is_in_it(directory: Directory, people: list[str]) -> None:
    answer = await directory.send("POST", "/Groups", {"displayName": "Team"})
    first, address = answer.headers["etag"], f"/Groups/{answer.json()['id']}"
    assert (await directory.send("GET", address, headers={"if-none-match": first})).status_code == 304
    add = {"op": "add", "path": "members", "value": people[1]}
    await directory.patch(address, add, status=204)
    second = (await directory.send("GET", address)).headers["etag"]
    assert first != second
    for method, body in (
        ("PUT", {"displayName": "X"}),
        ("PATCH", {"Operations": [add]}),
        ("DELETE", None),
    ):
        assert await directory.refused(method, address, body, headers={"if-match": first}) == (412, None)
    assert (await directory.send("DELETE", address, headers={"if-match": second})).status_code == 204


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "move", "path": "members"}, "invalidSyntax"),
        ({"op": "add", "path": "members[", "value": []}, "invalidPath"),
        ({"op": "add", "path": "members.value", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "displayName", "value": 5}, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": " "}, "invalidValue"),
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "add", "value": "x"}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": "nobody"}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": "x", "type": "Group"}]}, "invalidValue"),
        ({"op": "remove", "path": 'members[type eq "User"]'}, "invalidFilter"),
        ({"op": "replace", "path": 'members[value eq "x"]', "value": []}, "mutability"),
        (5, "invalidSyntax"),
    ],
)
async def test_what_cannot_be_done_is_told_and_nothing_is(
    directory: Directory, people: list[str], operation: Any, kind: str
) -> None:
    made = await directory.post("/Groups", {"displayName": "Team", "members": [{"value": people[1]}]})
    address = f"/Groups/{made['id']}"
    add = {"op": "add", "path": "members", "value": [{"value": people[2]}]}
    assert await directory.refused("PATCH", address, {"Operations": [add, operation]}) == (400, kind)
    assert await directory.get(address) == made


async def test_who_is_not_here_is_no_member(school: School, directory: Directory) -> None:
    nobody = school.id(NodeKind.USER, new_id())
    body = {"displayName": "Team", "members": [{"value": nobody}]}
    assert await directory.refused("POST", "/Groups", body) == (400, "invalidValue")
    found = await directory.get("/Groups", filter='displayName eq "Team"')
    assert found["totalResults"] == 0


async def test_a_group_that_holds_others_is_not_deleted(school: School, directory: Directory) -> None:
    made = await directory.post("/Groups", {"displayName": "Top"})
    await school.ask(
        'mutation ($id: ID!) { createGroup(input: {name: "Below", parentId: $id}) { group { id } } }',
        {"id": made["id"]},
        caller=school.owner,
    )
    assert await directory.refused("DELETE", f"/Groups/{made['id']}") == (409, None)


async def test_what_the_request_must_say_is_asked_for(directory: Directory) -> None:
    assert await directory.refused("POST", "/Groups", {}) == (400, "invalidValue")
    assert described("x")["userName"] == "x"
