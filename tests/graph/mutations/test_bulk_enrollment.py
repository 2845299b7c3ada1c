from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from harka.learning import group, group_member
from harka.learning.bulk_change import AT_ONCE
from school import School

ENROLL = """mutation ($input: BulkEnrollInput!) { bulkEnroll(input: $input) {
  errors { code field } created existing failed
  results { index created user { id } enrollment { status dueAt } error { code field } } } }"""


def course(school: School, number: int = 2) -> str:
    return school.id(NodeKind.COURSE, school.courses[number])


async def bulk(school: School, **given: Any) -> Any:
    reply = await school.ask(ENROLL, {"input": {"courseId": course(school), **given}})
    return reply.data["bulkEnroll"]


async def test_people_are_enrolled_and_each_is_told_of(school: School) -> None:
    learner, other = school.id(NodeKind.USER, school.learner), school.id(NodeKind.USER, school.other)
    people = [learner, "garbage", school.id(NodeKind.USER, new_id()), other]
    done = await bulk(school, userIds=people, onError="REJECT_FAILED_ROWS", dueAt="2030-01-01T00:00:00Z")
    assert (done["errors"], done["created"], done["existing"], done["failed"]) == ([], 2, 0, 2)
    assert [result["index"] for result in done["results"]] == [0, 1, 2, 3]
    assert [result["user"] for result in done["results"]] == [{"id": learner}, None, None, {"id": other}]
    assert [(result["error"] or {}).get("code") for result in done["results"]] == [
        *(None, "INVALID_ID", "NOT_FOUND", None)
    ]
    assert done["results"][0]["enrollment"] == {"status": "ACTIVE", "dueAt": "2030-01-01T00:00:00+00:00"}
    ignoring = await bulk(school, userIds=people, onError="IGNORE_FAILED")
    assert (ignoring["created"], ignoring["existing"], ignoring["failed"]) == (0, 2, 2)
    assert [result["index"] for result in ignoring["results"]] == [0, 3]


async def test_by_default_one_that_fails_keeps_all_back(school: School) -> None:
    people = [school.id(NodeKind.USER, school.learner), "garbage"]
    rejected = await bulk(school, userIds=people)
    assert (rejected["created"], rejected["existing"], rejected["failed"]) == (0, 0, 1)
    assert (await bulk(school, userIds=people[:1]))["created"] == 1


async def test_a_filter_finds_the_people(school: School) -> None:
    dry = await bulk(school, filter={"role": "LEARNER"}, dryRun=True)
    assert (dry["created"], [result["enrollment"] for result in dry["results"]]) == (2, [None, None])
    assert (await bulk(school, filter={"role": "LEARNER"}))["created"] == 2
    assert (await bulk(school, filter={}))["existing"] == 2


async def test_a_filter_names_a_part_of_the_people(school: School) -> None:
    async with school.work() as work:
        branch = await group.create(work, name="Branch")
        await group_member.add(work, branch.id, [school.learner.id])
    named = {"groupId": school.id(NodeKind.GROUP, branch), "createdFrom": "2020-01-01T00:00:00Z"}
    assert (await bulk(school, filter=named))["created"] == 1
    shown = await school.ask(
        "query ($f: UserFilter) { users(first: 9, filter: $f) { totalCount nodes { name } } }", {"f": named}
    )
    assert shown.data["users"] == {"totalCount": 1, "nodes": [{"name": school.learner.name}]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"filter": {"groupId": "x"}}, "filter.groupId"),
        ({"filter": {"roleId": "x"}}, "filter.roleId"),
        ({"filter": {"createdBefore": "0001-01-01T00:00:00Z"}}, "filter.createdBefore"),
        ({}, "userIds"),
        ({"userIds": [], "filter": {}}, "userIds"),
        ({"userIds": ["x"] * 10_001}, "userIds"),
        ({"userIds": [], "courseId": "x"}, "courseId"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(
    school: School, given: dict[str, Any], field: str
) -> None:
    reply = await school.ask(ENROLL, {"input": {"courseId": course(school), **given}})
    assert (reply.field, reply.statements) == (field, 0)
    assert reply.data["bulkEnroll"]["results"] is None


@pytest.mark.parametrize(
    ("people", "more"), [(1, {"asJob": True}), (AT_ONCE + 1, {})], ids=["asked for", "many"]
)
async def test_a_job_enrolls_whom_it_is_asked_to_and_very_many(
    school: School, people: int, more: dict[str, Any]
) -> None:
    document = ENROLL.replace("created", "bulkChange { state total done onError job: jobId } created", 1)
    given = {"courseId": course(school), "userIds": ["x"] * people, **more}
    done = (await school.ask(document, {"input": given}, caller=school.owner)).data["bulkEnroll"]
    job = school.runtime.node_ids.open(school.organization.id, done["bulkChange"].pop("job"))
    assert job[0] is NodeKind.TENANT_JOB
    assert done == {
        "errors": [],
        "bulkChange": {"state": "QUEUED", "total": people, "done": 0, "onError": "REJECT_EVERYTHING"},
        **dict.fromkeys(("created", "existing", "failed", "results")),
    }
