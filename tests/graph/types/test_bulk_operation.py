from harka.ids import NodeKind, new_id
from school import School

CREATE = """mutation { createBulkOperation(input: {query: "{ courses { nodes { id } } }"}) {
  bulkOperation { id } } }"""
ONE = """query ($id: ID!) { bulkOperation(id: $id) {
  jobId state bytes url expiresAt errorCode error finishedAt createdAt version } }"""
LIST = "query ($first: Int!) { bulkOperations(first: $first) { totalCount nodes { id } } }"


async def made(school: School) -> str:
    reply = await school.ask(CREATE, caller=school.owner)
    id_: str = reply.data["createBulkOperation"]["bulkOperation"]["id"]
    return id_


async def test_an_operation_is_shown_to_who_sees_jobs(school: School) -> None:
    id_ = await made(school)
    shown = (await school.ask(ONE, {"id": id_}, caller=school.owner)).data["bulkOperation"]
    assert (shown["state"], shown["bytes"], shown["url"], shown["version"]) == ("QUEUED", 0, None, 1)
    kind, _ = school.runtime.node_ids.open(school.organization.id, shown["jobId"])
    assert kind is NodeKind.TENANT_JOB
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await school.ask(node, {"id": id_}, caller=school.learner)).data == {"node": None}
    absent = await school.ask(ONE, {"id": school.id(NodeKind.BULK_OPERATION, new_id())}, caller=school.owner)
    assert absent.data == {"bulkOperation": None}


async def test_operations_are_listed_by_as_many_statements(school: School) -> None:
    ids = [await made(school) for _ in range(2)]
    page = await school.ask(LIST, {"first": 1}, caller=school.owner)
    listed = await school.ask(LIST, {"first": 9}, caller=school.owner)
    assert listed.data["bulkOperations"] == {"totalCount": 2, "nodes": [{"id": each} for each in ids]}
    assert listed.statements == page.statements
