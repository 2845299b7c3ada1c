"""Whoever comes without a token, or with too much, is told so in SCIM's words."""

from typing import Any

import msgspec
import pytest

from harka.tenancy.entitlement import limits_for
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission
from school import School, school
from scim_school import Directory, described, directory

__all__ = ["directory", "school"]

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
PLACES = [
    "/Users",
    "/Groups",
    "/ServiceProviderConfig",
    "/Schemas",
    "/Bulk",
    "/Me",
    "/.search",
    "",
    "/nothing",
]


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_told_without_a_token(school: School, place: str) -> None:
    nobody = Directory(school, "hs_x")
    for method in ("GET", "POST", "DELETE"):
        assert await nobody.refused(method, place, {} if method == "POST" else None) == (401, None)
        assert nobody.statements == 0
    answer = await nobody.send("GET", place)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "place", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "Users", 404),
        ("GET", "x/scim/v2/Users", 404),
        ("GET", "/Users/a/b", 404),
        ("GET", "/ServiceProviderConfig/x", 404),
        ("GET", "/Schemas/urn:nothing", 404),
        ("GET", "/Schemas?filter=id%20pr", 403),
        ("POST", "/ServiceProviderConfig", 405),
        ("GET", "/Bulk", 405),
        ("GET", "/.search", 405),
        ("DELETE", "/Users", 405),
        ("GET", "/Me", 501),
        ("PATCH", "/Me", 501),
        ("GET", "/Users?count=many", 400),
        ("GET", "/Users?startIndex=1.5", 400),
        ("GET", "/Users?sortBy=title", 400),
        ("GET", "/Users?attributes=a&excludedAttributes=b", 400),
        ("GET", "/Users?filter=title%20pr", 400),
    ],
)
async def test_every_failure_is_in_scims_words(
    directory: Directory, method: str, place: str, status: int
) -> None:
    body = {} if method in {"POST", "PATCH"} else None
    assert (await directory.refused(method, place, body))[0] == status


async def test_so_are_those_of_the_layers_before_it(school: School, directory: Directory) -> None:
    body = described("x@example.com")
    assert await directory.refused("POST", "/Users", body, headers={"content-type": "text/plain"}) == (
        415,
        None,
    )
    late = {"x-request-deadline": "never"}
    assert await directory.refused("GET", "/Users", headers=late) == (400, "invalidValue")
    small = Directory(school.with_settings(max_body_bytes=10), directory.token)
    assert await small.refused("POST", "/Users", body) == (413, None)
    hurried = {"x-request-deadline": "0.000001"}
    assert (await directory.refused("GET", "/Users", headers=hurried))[0] == 504
    answer = await directory.send(
        "POST", "/Users", headers={"content-type": "application/json"}, content=b"{"
    )
    assert answer.json()["scimType"] == "invalidSyntax"


async def test_requests_count_for_the_plan(school: School, directory: Directory) -> None:
    def few(organization: Any) -> Any:
        return msgspec.structs.replace(limits_for(organization), requests_per_second=0.001, burst=2)

    bounded = Directory(school.with_admission(Admission(limits=few)), directory.token)
    assert [(await bounded.send("GET", "/Users")).status_code for _ in range(2)] == [200, 200]
    answer = await bounded.send("GET", "/Users")
    assert (answer.status_code, answer.json()["status"]) == (429, "429")
    assert int(answer.headers["retry-after"]) > 0


async def test_what_a_request_holds_of_the_processor_counts(school: School, directory: Directory) -> None:
    def few(organization: Any) -> Any:
        """Ten milliseconds, and one more each second."""
        return msgspec.structs.replace(limits_for(organization), cpu_millicores=1)

    admission = Admission(limits=few)
    bounded = Directory(school.with_admission(admission), directory.token)
    people = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": described(f"{name}@long.example")}
        for name in map(str, range(200))
    ]
    await bounded.post("/Bulk", {"schemas": [BULK], "Operations": people}, 200)
    assert (await bounded.send("GET", "/Users")).status_code == 429
    assert admission.refused == {(Resource.CPU, False): 1}
    used = {level.resource: level.used for level in await admission.levels(school.organization)}
    assert used[Resource.CPU] > 0.02, "seconds"


async def test_answers_are_of_scims_type_and_a_head_has_no_body(directory: Directory) -> None:
    answer = await directory.send("GET", "/Users")
    assert answer.headers["content-type"] == "application/scim+json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    head = await directory.send("HEAD", "/Users")
    assert (head.status_code, head.content) == (200, b"")


async def test_somebodys_address_is_that_of_the_request(school: School, directory: Directory) -> None:
    config = await directory.get("/ServiceProviderConfig")
    assert config["meta"]["location"] == f"http://{school.host}/scim/v2/ServiceProviderConfig"
    assert (config["patch"], config["bulk"]["maxOperations"]) == ({"supported": True}, 1000)
    record = school.app.record
    assert (record.operation, record.actor, record.tenant) == (
        "scimServiceProviderConfigGet",
        "scim",
        school.organization.id,
    )
