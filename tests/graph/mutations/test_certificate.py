from typing import Any

from harka.ids import NodeKind, new_id
from harka.storage.statement import Statement
from school import School

REVOKE = """mutation ($input: RevokeCertificateInput!) { revokeCertificate(input: $input) {
  errors { code field } certificate { pdfUrl state revokedAt revokeReason version } } }"""
OWN = """query ($id: ID!) { user(id: $id) { certificates(first: 9) { totalCount nodes {
  id pdfUrl serial state holderName title issuedAt expiresAt
  user { id } course { id } enrollment { status } } } } }"""
VERIFY = """query ($serial: String!) { verifyCertificate(serial: $serial) {
  state holderName title issuedAt expiresAt revokedAt } }"""

AGE = Statement("test.age", "UPDATE {schema}.certificate SET expires_at = now() WHERE tenant_id = $1")


async def awarded(school: School) -> dict[str, Any]:
    """The learner's certificate of the first course, as they see it."""
    course = school.courses[0]
    update = (
        "mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) { course { certificateDays } } }"
    )
    given = {"id": school.id(NodeKind.COURSE, course), "version": 1}
    await school.ask(update, {"input": {**given, "awardsCertificate": True, "certificateDays": 365}})
    record = (
        "mutation ($input: RecordProgressBatchInput!) { recordProgressBatch(input: $input)"
        " { enrollments { status } } }"
    )
    entries = [
        {
            "enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, course)),
            "lessonId": school.id(NodeKind.LESSON, lesson),
            "fraction": 1,
        }
        for lesson in school.lessons[course.id]
    ]
    reply = await school.ask(record, {"input": {"entries": entries}}, caller=school.learner)
    assert reply.data["recordProgressBatch"]["enrollments"] == [{"status": "COMPLETED"}]
    reply = await school.ask(OWN, {"id": school.id(NodeKind.USER, school.learner)}, caller=school.learner)
    found = reply.data["user"]["certificates"]
    assert found["totalCount"] == 1
    node: dict[str, Any] = found["nodes"][0]
    return node


async def test_anybody_verifies_what_the_learner_shows(school: School) -> None:
    own = await awarded(school)
    assert own["enrollment"] == {"status": "COMPLETED"}
    reply = await school.ask(VERIFY, {"serial": own["serial"]}, caller=None)
    assert reply.statements == 1
    names = ("state", "holderName", "title", "issuedAt", "expiresAt")
    assert reply.data["verifyCertificate"] == {name: own[name] for name in names} | {"revokedAt": None}
    assert (own["state"], own["holderName"], own["title"]) == ("VALID", "Person 2", "Course 0")
    assert own["pdfUrl"].startswith("/files/certificates/")
    for serial in ("0" * 32, "nothing"):
        reply = await school.ask(VERIFY, {"serial": serial}, caller=None)
        assert reply.data == {"verifyCertificate": None}


async def test_a_revoked_certificate_says_so_to_anybody(school: School) -> None:
    own = await awarded(school)
    given = {"id": own["id"], "reason": "Copied", "version": 1}
    assert (await school.ask(REVOKE, {"input": {**given, "version": 7}})).code == "CONFLICT"
    revoked = (await school.ask(REVOKE, {"input": given})).data["revokeCertificate"]["certificate"]
    assert (revoked["state"], revoked["revokeReason"], revoked["version"]) == ("REVOKED", "Copied", 2)
    assert revoked["pdfUrl"] is None
    reply = await school.ask(VERIFY, {"serial": own["serial"]}, caller=None)
    assert reply.data["verifyCertificate"]["state"] == "REVOKED"
    assert reply.data["verifyCertificate"]["revokedAt"] == revoked["revokedAt"]


async def test_what_the_health_advises_renews_it(school: School) -> None:
    own = await awarded(school)
    renew = """mutation ($input: RenewCertificateInput!) { renewCertificate(input: $input) {
      errors { code field } certificate { serial state issuedAt version } } }"""
    assert (await school.ask(renew, {"input": {"id": own["id"]}})).code == "CONFLICT"
    async with school.work() as work:
        await work.session.execute(AGE)
    renewed = (await school.ask(renew, {"input": {"id": own["id"]}})).data["renewCertificate"]["certificate"]
    assert (renewed["serial"], renewed["state"], renewed["version"]) == (own["serial"], "VALID", 2)
    assert renewed["issuedAt"] > own["issuedAt"]
    assert (await school.ask(renew, {"input": {"id": "x"}})).code == "INVALID_ID"


async def test_bad_input(school: School) -> None:
    absent = school.id(NodeKind.CERTIFICATE, new_id())
    for id_, reason, code in (
        ("x", "X", "INVALID_ID"),
        (absent, "X", "NOT_FOUND"),
        (absent, "", "VALIDATION_FAILED"),
    ):
        assert (await school.ask(REVOKE, {"input": {"id": id_, "reason": reason}})).code == code


async def test_a_classmate_sees_none(school: School) -> None:
    own = await awarded(school)
    document = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await school.ask(document, {"id": own["id"]}, caller=school.other)).data == {"node": None}
    reply = await school.ask(OWN, {"id": school.id(NodeKind.USER, school.learner)})
    assert [node["id"] for node in reply.data["user"]["certificates"]["nodes"]] == [own["id"]]


async def test_one_that_there_is_stays(school: School) -> None:
    own = await awarded(school)
    issue = """mutation ($input: IssueCertificateInput!) { issueCertificate(input: $input) {
      errors { code field } created certificate { serial } } }"""
    course = school.courses[0]
    given = {"enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, course))}
    reply = await school.ask(issue, {"input": given})
    assert reply.data["issueCertificate"] == {
        "errors": [],
        "created": False,
        "certificate": {"serial": own["serial"]},
    }
    given = {"enrollmentId": school.id(NodeKind.ENROLLMENT, new_id())}
    assert (await school.ask(issue, {"input": given})).code == "NOT_FOUND"
    assert (await school.ask(issue, {"input": given}, caller=school.learner)).code == "FORBIDDEN"
