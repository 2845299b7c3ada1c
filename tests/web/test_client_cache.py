"""Answers to GET that clients, and what stands between, may keep."""

from typing import Any

import httpx2
import msgspec
import pytest

from harka.cache.tenant import TenantCache
from harka.learning import course
from harka.learning.course import CourseChanges
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

COURSES = "{ courses(first: 5) { nodes { title } } }"
BRANDING = '{ branding(host: "a.example") { logo } }'


async def get(school: School, query: str, *, public: bool = False, **headers: Any) -> httpx2.Response:
    caller = None if public else tuple(Permission)
    given = {**await school.headers(caller), **headers}
    return await school.send("GET", params={"query": query}, headers=given)


async def test_it_says_for_how_long_and_by_whom_it_may_be_kept(school: School) -> None:
    private, public = await get(school, COURSES), await get(school, BRANDING, public=True)
    assert private.headers["cache-control"] == "private, max-age=60"
    assert public.headers["cache-control"] == "public, max-age=60"
    assert {"Authorization", "X-API-Key", "Accept"} <= set(private.headers["vary"].split(", "))


async def test_who_has_it_is_told_so_and_sent_nothing(school: School) -> None:
    first = await get(school, COURSES)
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await get(school, COURSES, **{"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, max-age=60"
    other = await get(school, COURSES, **{"if-none-match": '"other"'})
    assert (other.status_code, other.json()) == (200, first.json())


async def test_it_may_be_kept_by_the_client_when_nothing_can_be_kept_here(school: School) -> None:
    cacheless = msgspec.structs.replace(school.runtime, cache=TenantCache(None, bytes(16)))
    answer = await get(School(cacheless, school.organization, keys=school.keys), COURSES)
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert answer.headers["etag"] == (await get(school, COURSES)).headers["etag"]


async def test_after_a_change_the_tag_is_another(school: School) -> None:
    before = (await get(school, COURSES)).headers["etag"]
    async with school.work() as work:
        one = school.courses[0]
        await course.update(work, one.id, CourseChanges(title="Renamed"), version=one.version)
    after = await get(school, COURSES, **{"if-none-match": before})
    assert after.status_code == 200
    assert "Renamed" in after.text


@pytest.mark.parametrize("query", ["{ viewer { kind } }", "{ courses(first: 500) { totalCount } }", "{"])
async def test_what_is_not_declared_and_what_failed_is_not_to_be_stored(school: School, query: str) -> None:
    answer = await get(school, query)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_what_tells_its_cost_is_not_to_be_stored_and_is_another_answer(school: School) -> None:
    plain = await get(school, BRANDING, public=True)
    assert "GraphQL-Cost" in plain.headers["vary"].split(", ")
    known = {"graphql-cost": "1", "if-none-match": plain.headers["etag"]}
    told = await get(school, BRANDING, public=True, **known)
    assert "cost" in told.json()["extensions"]
    assert told.headers["cache-control"] == "no-store"
    assert "etag" not in told.headers


async def test_a_post_is_not_to_be_stored(school: School) -> None:
    headers = await school.headers(tuple(Permission))
    for _ in range(2):
        answer = await school.send(json={"query": COURSES}, headers=headers)
        assert answer.headers["cache-control"] == "no-store"
