from typing import Any

from harka.errors import NotFoundError
from harka.ids import NodeKind, new_id
from harka.repositories import bulk_change as changes
from harka.repositories.bulk_change import NewBulkResult
from school import School

ENROLL = """mutation ($input: BulkEnrollInput!) { bulkEnroll(input: $input) {
  errors { code field } created results { index } bulkChange { id } } }"""
ONE = """query ($id: ID!) { bulkChange(id: $id) {
  kind state course { id } onError dryRun total done created existing failed error finishedAt version } }"""
RESULTS = """query ($id: ID!, $first: Int!, $after: String, $onlyFailed: Boolean) {
  bulkChangeResults(bulkChangeId: $id, first: $first, after: $after, onlyFailed: $onlyFailed) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { number created user { id } enrollment { id } error { code message field } } } }"""
LIST = "query ($first: Int!) { bulkChanges(first: $first) { totalCount nodes { id } } }"


async def asked(school: School, **given: Any) -> str:
    course = school.id(NodeKind.COURSE, school.courses[2])
    people = [school.id(NodeKind.USER, school.learner)]
    reply = await school.ask(
        ENROLL,
        {"input": {"courseId": course, "userIds": people, "asJob": True, **given}},
        caller=school.owner,
    )
    id_: str = reply.data["bulkEnroll"]["bulkChange"]["id"]
    return id_


async def test_a_change_is_shown_as_it_stands(school: School) -> None:
    id_ = await asked(school, onError="IGNORE_FAILED")
    shown = (await school.ask(ONE, {"id": id_}, caller=school.owner)).data["bulkChange"]
    assert shown == {
        "kind": "ENROLL",
        "state": "QUEUED",
        "course": {"id": school.id(NodeKind.COURSE, school.courses[2])},
        "onError": "IGNORE_FAILED",
        "dryRun": False,
        "total": 1,
        **dict.fromkeys(("done", "created", "existing", "failed"), 0),
        "error": None,
        "finishedAt": None,
        "version": 1,
    }
    for caller in (school.instructor, school.learner):
        for document in (ONE, "query ($id: ID!) { bulkChange: node(id: $id) { id } }"):
            assert (await school.ask(document, {"id": id_}, caller=caller)).data == {"bulkChange": None}
        hidden = await school.ask(RESULTS, {"id": id_, "first": 9}, caller=caller)
        assert hidden.data["bulkChangeResults"]["nodes"] == []


async def test_results_are_read_in_pages_of_as_many_statements(school: School) -> None:
    id_ = await asked(school)
    _, row = school.runtime.node_ids.open(school.organization.id, id_)
    known = school.enrollments[0]
    code = NotFoundError.code
    refused = NewBulkResult(number=1, error_code=code, error_message="No.", error_field="userIds")
    async with school.work() as work:
        await changes.insert_results(
            work.session,
            row,
            [
                NewBulkResult(number=0, user_id=known.user_id, enrollment_id=known.id, created=True),
                refused,
                *(NewBulkResult(number=n, user_id=school.other.id) for n in (2, 3)),
            ],
        )
    first, rest = {"id": id_, "first": 2}, {"id": id_, "first": 9}
    page = await school.ask(RESULTS, first, caller=school.owner)
    shown = page.data["bulkChangeResults"]
    assert (shown["totalCount"], shown["pageInfo"]["hasNextPage"]) == (4, True)
    assert shown["nodes"] == [
        {
            "number": 0,
            "created": True,
            "user": {"id": school.id(NodeKind.USER, known.user_id)},
            "enrollment": {"id": school.id(NodeKind.ENROLLMENT, known)},
            "error": None,
        },
        {
            "number": 1,
            "created": False,
            "user": None,
            "enrollment": None,
            "error": {"code": "NOT_FOUND", "message": "No.", "field": "userIds"},
        },
    ]
    after = shown["pageInfo"]["endCursor"]
    more = await school.ask(RESULTS, {**rest, "after": after}, caller=school.owner)
    assert [each["number"] for each in more.data["bulkChangeResults"]["nodes"]] == [2, 3]
    failed = await school.ask(RESULTS, {**rest, "onlyFailed": True}, caller=school.owner)
    assert failed.data["bulkChangeResults"]["totalCount"] == 1
    assert (await school.ask(RESULTS, rest, caller=school.owner)).statements == page.statements
    stale = await school.ask(RESULTS, {**rest, "after": after, "onlyFailed": True}, caller=school.owner)
    assert stale.code == "INVALID_CURSOR"


async def test_changes_are_listed(school: School) -> None:
    made = [await asked(school) for _ in range(2)]
    listed = (await school.ask(LIST, {"first": 9}, caller=school.owner)).data["bulkChanges"]
    assert listed == {"totalCount": 2, "nodes": [{"id": each} for each in made]}
    nobody = await school.ask(ONE, {"id": school.id(NodeKind.BULK_CHANGE, new_id())}, caller=school.owner)
    assert nobody.data == {"bulkChange": None}
