from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from harka.storage.statement import Statement
from school import School

ENQUEUE = """mutation ($input: EnqueueJobInput!) { change: enqueueJob(input: $input) { errors { code field }
  job { id type state priority runAt cron attempts payload { courseId learningPathId } version } } }"""
CANCEL = """mutation ($input: CancelJobInput!) { change: cancelJob(input: $input) {
  errors { code field } job { state cancelling version } } }"""
RETRY = """mutation ($input: RetryJobInput!) { change: retryJob(input: $input) {
  errors { code field } job { state attempts maxAttempts version } } }"""
BURY = Statement(
    "test.bury",
    """UPDATE {schema}.job SET state = 'dead', attempts = 3, finished_at = now() WHERE tenant_id = $1""",
)
BEGIN = Statement(
    "test.begin",
    """UPDATE {schema}.job SET state = 'running', leased_until = now() + interval '1 h'
    WHERE tenant_id = $1""",
)


async def changed(school: School, document: str, **given: Any) -> Any:
    return (await school.ask(document, {"input": given}, caller=school.owner)).data["change"]


async def test_what_is_put_in_waits_as_it_was_asked(school: School) -> None:
    course, way = school.id(NodeKind.COURSE, school.draft), school.id(NodeKind.LEARNING_PATH, school.path)
    made = await changed(
        school, ENQUEUE, kind="RECOUNT_COURSE", courseId=course, priority="HIGH", dedupeKey="k"
    )
    again = await changed(school, ENQUEUE, kind="RECOUNT_COURSE", courseId=course, dedupeKey="k")
    assert again == made
    assert {**made["job"], "id": "", "runAt": ""} == {
        "id": "",
        "type": "course.recount",
        "state": "QUEUED",
        "priority": "HIGH",
        "runAt": "",
        "cron": None,
        "attempts": 0,
        "payload": {"courseId": course, "learningPathId": None},
        "version": 1,
    }
    nightly = (await changed(school, ENQUEUE, kind="RECOUNT_PATH", learningPathId=way, cron="30 3 * * *"))[
        "job"
    ]
    assert (nightly["cron"], nightly["runAt"][11:16]) == ("30 3 * * *", "03:30")
    assert nightly["payload"] == {"courseId": None, "learningPathId": way}


async def test_a_job_is_cancelled_and_tried_again(school: School) -> None:
    id_ = school.id(NodeKind.TENANT_JOB, school.job)
    gone = await changed(school, CANCEL, id=id_, version=1)
    assert gone["job"] == {"state": "CANCELLED", "cancelling": False, "version": 2}
    assert (await changed(school, CANCEL, id=id_))["job"] == gone["job"], "twice changes nothing"
    back = await changed(school, RETRY, id=id_, version=2)
    assert back["job"] == {"state": "QUEUED", "attempts": 0, "maxAttempts": 3, "version": 3}
    async with school.work() as work:
        await work.session.execute(BURY)
    assert (await changed(school, RETRY, id=id_))["job"]["maxAttempts"] == 6, "three more"
    async with school.work() as work:
        await work.session.execute(BEGIN)
    ending = await changed(school, CANCEL, id=id_)
    assert (ending["job"]["state"], ending["job"]["cancelling"]) == ("RUNNING", True)


async def test_a_full_queue_takes_no_more(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    fill = Statement(
        "test.fill",
        """INSERT INTO {schema}.job (tenant_id, id, type)
        SELECT $1::uuid, uuidv7(), 't' FROM generate_series(1, $2::int)""",
    )
    async with school.work() as work:
        await work.session.execute(fill, 200_000 if school.organization.plan == "ENTERPRISE" else 50_000)
    refused = await changed(school, ENQUEUE, kind="MEASURE_USAGE")
    assert refused == {"errors": [{"code": "QUEUE_LIMIT_EXCEEDED", "field": None}], "job": None}


async def test_what_cannot_be_is_told_by_field(school: School) -> None:
    course, person = school.id(NodeKind.COURSE, school.draft), school.id(NodeKind.USER, school.learner)
    absent, job = school.id(NodeKind.COURSE, new_id()), school.id(NodeKind.TENANT_JOB, school.job)
    wrong: list[tuple[str, dict[str, Any], str, str]] = [
        (ENQUEUE, {"kind": "RECOUNT_COURSE"}, "VALIDATION_FAILED", "courseId"),
        (ENQUEUE, {"kind": "MEASURE_USAGE", "courseId": course}, "VALIDATION_FAILED", "courseId"),
        (ENQUEUE, {"kind": "RECOUNT_COURSE", "courseId": absent}, "NOT_FOUND", "courseId"),
        (ENQUEUE, {"kind": "RECOUNT_COURSE", "courseId": person}, "INVALID_ID", "courseId"),
        (ENQUEUE, {"kind": "RECOUNT_PATH"}, "VALIDATION_FAILED", "learningPathId"),
        (
            ENQUEUE,
            {"kind": "RECOUNT_PATH", "learningPathId": school.id(NodeKind.LEARNING_PATH, new_id())},
            "NOT_FOUND",
            "learningPathId",
        ),
        (ENQUEUE, {"kind": "MEASURE_USAGE", "cron": "sometimes"}, "VALIDATION_FAILED", "cron"),
        (
            ENQUEUE,
            {"kind": "MEASURE_USAGE", "cron": "* * * * *", "runAt": "2100-01-01T00:00:00Z"},
            "VALIDATION_FAILED",
            "runAt",
        ),
        (ENQUEUE, {"kind": "MEASURE_USAGE", "runAt": "2100-01-01T00:00:00Z"}, "VALIDATION_FAILED", "runAt"),
        (ENQUEUE, {"kind": "MEASURE_USAGE", "dedupeKey": "x" * 201}, "VALIDATION_FAILED", "dedupeKey"),
        (ENQUEUE, {"kind": "MEASURE_USAGE", "dedupeKey": "a\0"}, "VALIDATION_FAILED", "dedupeKey"),
        (CANCEL, {"id": school.id(NodeKind.TENANT_JOB, new_id())}, "NOT_FOUND", "id"),
        (CANCEL, {"id": job, "version": 9}, "CONFLICT", "id"),
        (RETRY, {"id": school.id(NodeKind.TENANT_JOB, new_id())}, "NOT_FOUND", "id"),
        (RETRY, {"id": job}, "CONFLICT", "id"),
    ]
    for document, given, code, field in wrong:
        answer = await changed(school, document, **given)
        assert answer == {"errors": [{"code": code, "field": field}], "job": None}
    listed = await school.ask("{ jobs(first: 100) { nodes { version type } } }", caller=school.owner)
    assert listed.data["jobs"]["nodes"] == [{"version": 1, "type": "domain.recheck"}]
