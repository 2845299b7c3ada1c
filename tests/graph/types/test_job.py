from typing import Any

from harka.ids import NodeKind
from harka.learning import job
from harka.learning.job import JobDraft, JobKind, JobPriority
from harka.storage.statement import Statement
from school import School

LIST = """query ($first: Int!, $after: String, $filter: JobFilter, $orderBy: JobOrderBy) {
  jobs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount pageInfo { endCursor } nodes { id tenantId type state priority position estimatedEndAt } } }"""
DONE = Statement(
    "test.done",
    """INSERT INTO {schema}.job (tenant_id, id, type, state, started_at, finished_at)
    SELECT $1::uuid, uuidv7(), 't', 'done', now() - interval '10 s', now() FROM generate_series(1, 3)""",
)


def ids(listed: Any) -> list[str]:
    return [each["id"] for each in listed["nodes"]]


async def test_jobs_are_listed_in_as_many_statements_whatever_their_number(school: School) -> None:
    async with school.work() as work:
        for priority in (JobPriority.LOW, JobPriority.HIGH, JobPriority.NORMAL):
            await job.enqueue(work, JobDraft(kind=JobKind.MEASURE_USAGE, priority=priority))
        await work.session.execute(DONE)
    waiting = {"filter": {"state": "QUEUED", "type": "usage.measure"}}
    short, long = [await school.ask(LIST, {"first": first, **waiting}) for first in (2, 9)]
    assert short.statements == long.statements
    page, whole = short.data["jobs"], long.data["jobs"]
    assert (page["totalCount"], len(whole["nodes"])) == (3, 3)
    rest = await school.ask(LIST, {"first": 9, "after": page["pageInfo"]["endCursor"], **waiting})
    assert ids(page) + ids(rest.data["jobs"]) == ids(whole)
    newest = await school.ask(
        LIST, {"first": 9, "orderBy": {"field": "CREATED_AT", "direction": "DESC"}, **waiting}
    )
    assert ids(newest.data["jobs"]) == ids(whole)[::-1]
    places = {each["priority"]: each["position"] for each in whole["nodes"]}
    assert places["HIGH"] == 1
    assert places["HIGH"] < places["NORMAL"] < places["LOW"]
    assert all(each["estimatedEndAt"] for each in whole["nodes"])
    assert whole["nodes"][0]["tenantId"] == school.id(NodeKind.ORGANIZATION, school.organization)


async def test_whoever_may_not_see_jobs_sees_none_by_any_way(school: School) -> None:
    id_ = school.id(NodeKind.TENANT_JOB, school.job)
    hidden = await school.ask(f'{{ node(id: "{id_}") {{ id }} }}', caller=school.instructor)
    assert hidden.data == {"node": None}
    assert (await school.ask(LIST, {"first": 1}, caller=school.instructor)).code == "FORBIDDEN"
