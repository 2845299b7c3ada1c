"""Many operations at once, each with its own fate."""

from typing import Any

import pytest

from harka.ids import NodeKind
from school import School, school
from scim_school import Directory, described, directory

__all__ = ["directory", "school"]

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def person(name: str, **more: Any) -> dict[str, Any]:
    data = described(f"{name}@bulk.example", displayName=name, **more)
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": data}


async def bulk(directory: Directory, *operations: Any, **more: Any) -> list[Any]:
    told = await directory.post("/Bulk", {"schemas": [REQUEST], "Operations": list(operations), **more}, 200)
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    return list(told["Operations"])


def statuses(told: list[Any]) -> list[str]:
    return [each["status"] for each in told]


async def test_what_is_made_is_referred_to_by_what_comes_before_and_after(
    school: School, directory: Directory
) -> None:
    group = {
        "method": "POST",
        "path": "/Groups",
        "bulkId": "team",
        "data": {"displayName": "Team", "members": [{"value": "bulkId:ada"}, {"value": "bulkId:bob"}]},
    }
    title = {"op": "add", "path": "title", "value": "Dr"}
    changed = {"method": "patch", "path": "/Users/bulkId:ada", "data": {"Operations": [title]}}
    told = await bulk(directory, group, person("ada"), changed, person("bob"))
    assert statuses(told) == ["201", "201", "200", "201"]
    assert [each.get("bulkId") for each in told] == ["team", "ada", None, "bob"]
    address = told[0]["location"].partition("/scim/v2")[2]
    team = await directory.get(address)
    ids = {each["location"].rpartition("/")[2] for each in (told[1], told[3])}
    assert {each["value"] for each in team["members"]} == ids
    ada = await directory.get(told[1]["location"].partition("/scim/v2")[2])
    assert (ada["title"], ada["meta"]["version"]) == ("Dr", told[2]["version"])

    gone = {"method": "DELETE", "path": address}
    stale = {"method": "DELETE", "path": f"/Users/{ada['id']}", "version": told[1]["version"]}
    right = {**stale, "version": ada["meta"]["version"]}
    told = await bulk(directory, gone, stale, right)
    assert statuses(told) == ["204", "412", "204"]


async def test_one_that_fails_undoes_only_itself(school: School, directory: Directory) -> None:
    taken = person("taken")
    taken["data"]["userName"] = school.learner.email
    wrong = {**person("wrong"), "data": described("wrong")}
    told = await bulk(
        directory,
        person("ada"),
        taken,
        person("ada"),
        wrong,
        {"method": "POST", "path": "/Users", "data": described("x@bulk.example")},
        {"method": "GET", "path": "/Users"},
        {"method": "POST", "path": "/Courses", "bulkId": "c", "data": {}},
        {"method": "DELETE", "path": "/Users"},
        {"method": "PUT", "path": "/Users/nobody", "data": described("x@bulk.example")},
        "text",
        person("bob"),
    )
    assert statuses(told) == ["201", "409", "409", "400", "400", "400", "404", "405", "404", "400", "201"]
    assert told[1]["response"]["scimType"] == "uniqueness"
    assert all("location" not in each for each in told[1:5])
    assert (await directory.get("/Users", count=0))["totalResults"] == len(school.people) + 2


async def test_references_that_lead_nowhere_or_round_are_refused(directory: Directory) -> None:
    def team(name: str, *refers: str) -> dict[str, Any]:
        members = [{"value": f"bulkId:{each}"} for each in refers]
        data = {"displayName": name, "members": members}
        return {"method": "POST", "path": "/Groups", "bulkId": name, "data": data}

    told = await bulk(
        directory,
        team("a", "b"),
        team("b", "a"),
        team("c", "nothing"),
        {**person("d"), "data": {}},
        team("e", "d"),
    )
    assert statuses(told) == ["409", "409", "400", "400", "409"]


async def test_so_many_failures_end_it(school: School, directory: Directory) -> None:
    wrong = [{**person(name), "data": {}} for name in ("v", "w")]
    told = await bulk(directory, person("ada"), *wrong, person("bob"), failOnErrors=2)
    assert statuses(told) == ["201", "400", "400"]
    assert (await directory.get("/Users", count=0))["totalResults"] == len(school.people) + 1


async def test_a_thousand_people_take_as_few_statements_as_one(school: School, directory: Directory) -> None:
    told = await bulk(directory, person("one", externalId="e"))
    few = directory.statements
    told = await bulk(directory, *(person(f"p{number}", externalId=f"e{number}") for number in range(1000)))
    assert set(statuses(told)) == {"201"}
    assert directory.statements <= few + 1
    assert few <= 8
    assert (await directory.get("/Users", count=0))["totalResults"] == len(school.people) + 1001
    found = await directory.get("/Users", filter='externalId eq "e999"')
    assert found["Resources"][0]["userName"] == "p999@bulk.example"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({}, 400, "invalidSyntax"),
        ({"Operations": []}, 200, None),
        ({"Operations": [{}] * 1001}, 413, None),
        ({"Operations": [], "failOnErrors": 0}, 400, "invalidValue"),
        ({"Operations": [], "failOnErrors": "2"}, 400, "invalidValue"),
    ],
)
async def test_what_is_no_bulk_request_is_refused(
    directory: Directory, body: Any, status: int, kind: str | None
) -> None:
    if status == 200:
        assert (await directory.post("/Bulk", body, 200))["Operations"] == []
    else:
        assert await directory.refused("POST", "/Bulk", body) == (status, kind)


async def test_no_role_beyond_and_no_owner_of_a_small_token(school: School, directory: Directory) -> None:
    told = await bulk(
        directory,
        person("ada", roles=[{"value": "owner"}]),
        {"method": "DELETE", "path": f"/Users/{school.id(NodeKind.USER, school.owner)}"},
    )
    assert statuses(told) == ["400", "409"]
