from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School

CREATE = """mutation ($input: CreateBulkOperationInput!) { createBulkOperation(input: $input) {
  errors { code field } bulkOperation { id query variables state objects url } } }"""
CANCEL = """mutation ($input: CancelBulkOperationInput!) { cancelBulkOperation(input: $input) {
  errors { code field } bulkOperation { id state finishedAt } } }"""
QUERY = "query ($role: Role) { users(filter: {role: $role}) { nodes { id } } }"


async def created(school: School, **given: Any) -> Any:
    document = {"input": {"query": QUERY, **given}}
    return (await school.ask(CREATE, document, caller=school.owner)).body["data"]["createBulkOperation"]


async def test_an_operation_is_put_in_and_cancelled(school: School) -> None:
    done = await created(school, variables={"role": "LEARNER"})
    assert done["errors"] == []
    id_ = done["bulkOperation"].pop("id")
    assert done["bulkOperation"] == {
        "query": QUERY,
        "variables": {"role": "LEARNER"},
        "state": "QUEUED",
        "objects": 0,
        "url": None,
    }
    stale = await school.ask(CANCEL, {"input": {"id": id_, "version": 7}}, caller=school.owner)
    assert (stale.code, stale.field) == ("CONFLICT", "id")
    over = await school.ask(CANCEL, {"input": {"id": id_, "version": 1}}, caller=school.owner)
    assert over.data["cancelBulkOperation"]["bulkOperation"]["state"] == "CANCELLED"
    absent = school.id(NodeKind.BULK_OPERATION, new_id())
    assert (await school.ask(CANCEL, {"input": {"id": absent}}, caller=school.owner)).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "{ users { nodes { id } } } #\x00"}, "query"),
        ({"query": "\u202e{ users { nodes { id } } }"}, "query"),
        ({"query": "{ users { nodes { id } } } #" + "x" * 20_000}, "query"),
        ({"query": "{ users { nodes { sessions(first: 3) { nodes { id } } } } }"}, "query"),
        ({"variables": []}, "variables"),
        ({"variables": {"role": "😀"}}, "variables"),
        ({"variables": {"x": "y" * 20_000}}, "variables"),
    ],
    ids=["empty", "nul", "direction", "long", "unknown", "no object", "wrong", "long variables"],
)
async def test_what_cannot_be_run_is_refused_by_field(
    school: School, given: dict[str, Any], field: str
) -> None:
    done = await created(school, **given)
    assert done == {"errors": [{"code": "VALIDATION_FAILED", "field": field}], "bulkOperation": None}
