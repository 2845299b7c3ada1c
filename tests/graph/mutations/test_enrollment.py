from harka.ids import NodeKind, new_id
from school import School

ENROLL = """mutation ($input: EnrollInput!) { enroll(input: $input) {
  errors { code field } created clientMutationId
  enrollment { id status dueAt user { id } course { id } } } }"""
UNENROLL = (
    "mutation ($input: UnenrollInput!) {"
    " unenroll(input: $input) { errors { code field } enrollment { status withdrawnAt } } }"
)


async def test_enrolling_twice_is_enrolling_once(school: School) -> None:
    given = {
        "userId": school.id(NodeKind.USER, school.learner),
        "courseId": school.id(NodeKind.COURSE, school.courses[2]),
        "dueAt": "2030-01-01T00:00:00+02:00",
    }
    first = (await school.ask(ENROLL, {"input": given})).data["enroll"]
    second = (await school.ask(ENROLL, {"input": given})).data["enroll"]
    assert (first["created"], second["created"]) == (True, False)
    assert first["enrollment"] == second["enrollment"]
    assert first["enrollment"]["dueAt"] == "2029-12-31T22:00:00+00:00"
    assert first["enrollment"]["user"]["id"] == given["userId"]


async def test_unenrolling_twice_is_unenrolling_once(school: School) -> None:
    given = {"id": school.id(NodeKind.ENROLLMENT, school.enrollments[0])}
    first = (await school.ask(UNENROLL, {"input": given})).data["unenroll"]["enrollment"]
    second = (await school.ask(UNENROLL, {"input": given})).data["unenroll"]["enrollment"]
    assert first["status"] == "WITHDRAWN"
    assert first == second


async def test_who_read_another_version_withdraws_nobody(school: School) -> None:
    given = {"id": school.id(NodeKind.ENROLLMENT, school.enrollments[0])}
    assert (await school.ask(UNENROLL, {"input": {**given, "version": 2}})).code == "CONFLICT"
    done = (await school.ask(UNENROLL, {"input": {**given, "version": 1}})).data["unenroll"]
    assert done["enrollment"]["status"] == "WITHDRAWN"


async def test_what_is_not_there_is_not_found(school: School) -> None:
    user, course = school.id(NodeKind.USER, school.learner), school.id(NodeKind.COURSE, new_id())
    reply = await school.ask(ENROLL, {"input": {"userId": user, "courseId": course}})
    assert reply.code == "NOT_FOUND"
    gone = school.id(NodeKind.ENROLLMENT, new_id())
    assert (await school.ask(UNENROLL, {"input": {"id": gone}})).code == "NOT_FOUND"


async def test_a_draft_accepts_nobody(school: School) -> None:
    given = {
        "userId": school.id(NodeKind.USER, school.learner),
        "courseId": school.id(NodeKind.COURSE, school.draft),
    }
    reply = await school.ask(ENROLL, {"input": given})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "courseId")


async def test_a_learner_enrolls_nobody(school: School) -> None:
    given = {"id": school.id(NodeKind.ENROLLMENT, school.enrollments[0])}
    assert (await school.ask(UNENROLL, {"input": given}, caller=school.learner)).code == "FORBIDDEN"
    kept = await school.ask("query ($id: ID!) { node(id: $id) { ... on Enrollment { status } } }", given)
    assert kept.data["node"] == {"status": "ACTIVE"}


async def test_a_moment_needs_its_offset(school: School) -> None:
    given = {"userId": "x", "courseId": "x", "dueAt": "2030-01-01T00:00:00"}
    reply = await school.ask(ENROLL, {"input": given})
    assert reply.code == "GRAPHQL_VALIDATION_FAILED"
    assert "2026-01-31T09:30:00Z" in reply.body["errors"][0]["message"]


async def test_access_ends_and_is_given_back(school: School) -> None:
    document = """mutation ($input: UpdateEnrollmentInput!) { updateEnrollment(input: $input) {
      errors { code field } enrollment { dueAt expiresAt isExpired version } } }"""
    given = {"id": school.id(NodeKind.ENROLLMENT, school.enrollments[0])}
    for value, expired, version in (
        ("2020-01-01T00:00:00Z", True, 2),
        ("2090-01-01T00:00:00Z", False, 3),
        (None, False, 4),
    ):
        reply = await school.ask(document, {"input": {**given, "expiresAt": value, "version": version - 1}})
        changed = reply.data["updateEnrollment"]["enrollment"]
        assert (changed["isExpired"], changed["version"], changed["dueAt"]) == (expired, version, None)
        assert reply.statements == 1
    stale = await school.ask(document, {"input": {**given, "dueAt": None, "version": 1}})
    assert stale.code == "CONFLICT"
    early = await school.ask(document, {"input": {**given, "dueAt": "1066-10-14T00:00:00Z"}})
    assert (early.code, early.field) == ("VALIDATION_FAILED", "dueAt")
    for id_, code in (("x", "INVALID_ID"), (school.id(NodeKind.ENROLLMENT, new_id()), "NOT_FOUND")):
        reply = await school.ask(document, {"input": {"id": id_, "dueAt": None}})
        assert reply.code == code
