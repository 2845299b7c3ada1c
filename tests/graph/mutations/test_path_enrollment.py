from harka.ids import NodeKind, new_id
from harka.learning import path, path_enrollment
from school import School

ENROLL = """mutation ($path: ID!, $user: ID!) {
  enrollInLearningPath(input: {learningPathId: $path, userId: $user}) {
    created opened errors { code field }
    learningPathEnrollment { id status progress user { id } learningPath { title } } } }"""
WITHDRAW = """mutation ($id: ID!, $version: Int) {
  withdrawFromLearningPath(input: {learningPathEnrollmentId: $id, version: $version}) {
    learningPathEnrollment { status withdrawnAt version } errors { code } } }"""
OWN = """{ learningPathEnrollments(first: 9) { totalCount
  nodes { id status progress user { id } learningPath { id } } } }"""


async def test_somebody_is_put_on_a_path_and_taken_off(school: School) -> None:
    assert school.path is not None
    values = {
        "path": school.id(NodeKind.LEARNING_PATH, school.path),
        "user": school.id(NodeKind.USER, school.learner),
    }
    refused = await school.ask(ENROLL, values)
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", "learningPathId")
    async with school.work() as work:
        await path.publish(work, school.path.id)
    done = (await school.ask(ENROLL, values)).data["enrollInLearningPath"]
    # they take its courses already
    assert (done["created"], done["opened"], done["errors"]) == (True, 0, [])
    made = done["learningPathEnrollment"]
    assert made == {
        "id": made["id"],
        "status": "ACTIVE",
        "progress": 0,
        "user": {"id": values["user"]},
        "learningPath": {"title": "Way"},
    }
    assert (await school.ask(ENROLL, values)).data["enrollInLearningPath"]["created"] is False
    for caller, count in ((school.owner, 1), (school.learner, 1), (school.other, 0)):
        assert (await school.ask(OWN, caller=caller)).data["learningPathEnrollments"]["totalCount"] == count
    assert (await school.ask(WITHDRAW, {"id": made["id"], "version": 2})).code == "CONFLICT"
    off = await school.ask(WITHDRAW, {"id": made["id"], "version": 1})
    assert off.data["withdrawFromLearningPath"]["learningPathEnrollment"]["status"] == "WITHDRAWN"
    listed = await school.ask(
        """query ($path: ID!, $user: ID!) {
        a: learningPathEnrollments(first: 1, learningPathId: $path, status: WITHDRAWN) { totalCount }
        b: learningPathEnrollments(first: 1, userId: $user, status: ACTIVE) { totalCount } }""",
        values,
    )
    assert listed.data == {"a": {"totalCount": 1}, "b": {"totalCount": 0}}


async def test_a_path_or_person_that_is_not_here_is_told(school: School) -> None:
    path_id, user_id = (
        school.id(NodeKind.LEARNING_PATH, school.path),
        school.id(NodeKind.USER, school.learner),
    )
    gone = school.id(NodeKind.LEARNING_PATH, new_id())
    for values, code, field in (
        ({"path": gone, "user": user_id}, "NOT_FOUND", "learningPathId"),
        ({"path": user_id, "user": user_id}, "INVALID_ID", "learningPathId"),
        ({"path": path_id, "user": path_id}, "INVALID_ID", "userId"),
    ):
        reply = await school.ask(ENROLL, values)
        assert (reply.code, reply.field) == (code, field)


NESTED = """query ($status: EnrollmentStatus, $path: ID!, $user: ID!, $after: String) {
  learningPath(id: $path) { enrollments(first: 2, after: $after, status: $status) {
    totalCount nodes { user { id } } pageInfo { endCursor hasNextPage } } }
  user(id: $user) { learningPathEnrollments(first: 2, status: $status) {
    totalCount nodes { learningPath { id } } } } }"""


async def test_paths_have_people_and_people_have_paths(school: School) -> None:
    assert school.path is not None
    async with school.work() as work:
        await path.publish(work, school.path.id)
        for person in school.people[:3]:
            await path_enrollment.enroll(work, user_id=person.id, path_id=school.path.id)
    here = {
        "path": school.id(NodeKind.LEARNING_PATH, school.path),
        "user": school.id(NodeKind.USER, school.people[0]),
    }
    reply = await school.ask(NESTED, here)
    people, paths = reply.data["learningPath"]["enrollments"], reply.data["user"]["learningPathEnrollments"]
    assert (people["totalCount"], len(people["nodes"]), people["pageInfo"]["hasNextPage"]) == (3, 2, True)
    assert paths == {"totalCount": 1, "nodes": [{"learningPath": {"id": here["path"]}}]}
    rest = await school.ask(NESTED, {**here, "after": people["pageInfo"]["endCursor"]})
    assert len(rest.data["learningPath"]["enrollments"]["nodes"]) == 1
    none = (await school.ask(NESTED, {**here, "status": "COMPLETED"})).data
    assert none["learningPath"]["enrollments"]["totalCount"] == 0
    assert none["user"]["learningPathEnrollments"]["nodes"] == []
    # a learner sees that they are on it, and nobody else
    own = (await school.ask(NESTED, here, caller=school.learner)).data
    mine = [] if school.learner not in school.people[:3] else [school.id(NodeKind.USER, school.learner)]
    assert [node["user"]["id"] for node in own["learningPath"]["enrollments"]["nodes"]] == mine
    assert own["learningPath"]["enrollments"]["totalCount"] == len(mine)
