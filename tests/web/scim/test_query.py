"""Lists: pages of them, orders, and searches of everything."""

from typing import Any

from harka.learning import user
from harka.learning.user import UserDraft
from school import School, school
from scim_school import Directory, directory

__all__ = ["directory", "school"]

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def named(told: Any) -> list[str]:
    return [each.get("userName") or each["displayName"] for each in told["Resources"]]


async def test_pages_go_through_everybody_once(school: School, directory: Directory) -> None:
    async with school.work() as work:
        await user.create_many(
            work, [UserDraft(email=f"n{number:02}@pages.example", name="N") for number in range(10)]
        )
    everybody = named(await directory.get("/Users", sortBy="userName"))
    assert everybody == sorted(everybody)
    assert named(await directory.get("/Users", sortBy="userName", sortOrder="descending")) == everybody[::-1]
    read: list[str] = []
    while len(read) < len(everybody):
        told = await directory.get("/Users", sortBy="userName", startIndex=len(read) + 1, count=4)
        assert (told["totalResults"], told["startIndex"]) == (len(everybody), len(read) + 1)
        assert told["itemsPerPage"] == len(told["Resources"])
        read += named(told)
    assert read == everybody
    beyond = await directory.get("/Users", startIndex=1000)
    assert (beyond["totalResults"], beyond["Resources"]) == (len(everybody), [])
    for count in ("0", "-5"):
        none = await directory.get("/Users", count=count)
        assert (none["totalResults"], none["itemsPerPage"]) == (len(everybody), 0)
    assert len(named(await directory.get("/Users", startIndex="-3", count=1000))) == len(everybody)


async def test_a_page_has_200_at_the_most(school: School, directory: Directory) -> None:
    async with school.work() as work:
        drafts = [UserDraft(email=f"n{number}@pages.example", name="N") for number in range(250)]
        await user.create_many(work, drafts)
    told = await directory.get("/Users", count=10_000)
    assert (told["itemsPerPage"], told["totalResults"]) == (200, len(school.people) + 250)
    # the page, how many there are, and who is in which group
    assert directory.statements == 3
    assert (await directory.get("/Users"))["itemsPerPage"] == 100


async def test_a_search_is_asked_in_a_body_too(school: School, directory: Directory) -> None:
    body = {
        "schemas": [SEARCH],
        "filter": f'userName eq "{school.learner.email}"',
        "attributes": ["userName"],
        "count": 5,
    }
    told = await directory.post("/Users/.search", body, 200)
    (found,) = told["Resources"]
    assert found == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": found["id"],
        "userName": school.learner.email,
    }


async def test_everything_is_searched_people_first(school: School, directory: Directory) -> None:
    people = len(school.people)
    here = (await directory.get("/Groups", count=0))["totalResults"]
    for name in ("A Team", "B Team"):
        await directory.post("/Groups", {"displayName": name})
    told = await directory.post("/.search", {"schemas": [SEARCH]}, 200)
    assert told["totalResults"] == people + here + 2
    assert named(told)[people + here :] == ["A Team", "B Team"]
    last = await directory.post("/.search", {"startIndex": people + here + 2, "count": 5}, 200)
    assert named(last) == ["B Team"]
    over = await directory.post("/.search", {"startIndex": people, "count": 2}, 200)
    assert [each["meta"]["resourceType"] for each in over["Resources"]] == ["User", "Group"]
    # what only one of the two has matches none of the other
    teams = await directory.get("", filter='displayName co "Team" and not (userName pr)')
    assert named(teams) == ["A Team", "B Team"]
    only = await directory.post("/.search", {"filter": 'meta.resourceType eq "Group"'}, 200)
    assert only["totalResults"] == here + 2
    assert await directory.refused("POST", "/.search", {"filter": "title pr"}) == (400, "invalidFilter")
    assert await directory.refused("POST", "/.search", {"filter": 5}) == (400, "invalidValue")
