from harka.ids import NodeKind, new_id
from school import School

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def test_nodes_of_one_type_are_one_statement_in_the_order_asked_for(school: School) -> None:
    ids = [school.id(NodeKind.COURSE, course) for course in school.courses]
    gone = school.id(NodeKind.COURSE, new_id())
    asked = [ids[2], gone, ids[0], ids[2]]
    reply = await school.ask(NODES, {"ids": asked})
    shown = [{"__typename": "Course", "id": id_} if id_ != gone else None for id_ in asked]
    assert reply.data["nodes"] == shown
    assert reply.statements == 1


async def test_nodes_of_every_type_are_found(school: School) -> None:
    course = school.courses[0]
    lesson = school.lessons[course.id][0]
    wanted = {
        "Organization": school.id(NodeKind.ORGANIZATION, school.organization),
        "User": school.id(NodeKind.USER, school.owner),
        "Course": school.id(NodeKind.COURSE, course),
        "Module": school.id(NodeKind.MODULE, lesson.module_id),
        "Lesson": school.id(NodeKind.LESSON, lesson),
        "Enrollment": school.id(NodeKind.ENROLLMENT, school.enrollments[0]),
    }
    reply = await school.ask(NODES, {"ids": list(wanted.values())})
    assert {node["__typename"]: node["id"] for node in reply.data["nodes"]} == wanted


async def test_a_hundred_ids_are_the_most(school: School) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    assert len((await school.ask(NODES, {"ids": [id_] * 100})).data["nodes"]) == 100
    reply = await school.ask(NODES, {"ids": [id_] * 101})
    assert (reply.code, reply.statements) == ("VALIDATION_FAILED", 0)
    assert reply.body["errors"][0]["extensions"]["field"] == "ids"


async def test_one_bad_id_refuses_all_before_any_sql(school: School) -> None:
    reply = await school.ask(NODES, {"ids": [school.id(NodeKind.COURSE, school.courses[0]), "garbage"]})
    assert (reply.code, reply.statements) == ("INVALID_ID", 0)


async def test_foreign_and_invented_ids_are_refused_alike(school: School) -> None:
    row = school.courses[0]
    foreign = school.runtime.node_ids.seal(new_id(), NodeKind.COURSE, row.id)
    answers = []
    for bad in (foreign, "A" * 34, "", str(row.id), "\0" * 34, "é" * 34):
        reply = await school.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": bad})
        (error,) = reply.body["errors"]
        error["extensions"].pop("requestId")
        answers.append((reply.status, reply.body, reply.statements))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][1]["errors"][0]["extensions"] == {"code": "INVALID_ID"}
