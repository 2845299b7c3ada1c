from typing import Any

import msgspec
import pytest

from branches import Branch, branch_of
from calls import CALLS, LISTENS
from harka.auth.permissions import PERMISSIONS, Role
from harka.graph import schema
from harka.graph.permission import Requires
from harka.ids import NodeKind, new_id
from harka.learning import user
from harka.learning.user import UserDraft
from harka.pubsub import RESYNC
from harka.repositories.user import User
from harka.tenancy.permission import Permission
from school import OpenSchool, School

# what a call names that is somebody's
OF_ONE = ("$user", "$enrollment", "$certificate")
CHANGING = {name for name, text in CALLS.items() if text.startswith("mutation")}
# calls that answer for each of many
MANY = {"bulkEnroll", "bulkUsers", "recordProgressBatch"}
# what is for those alone who see everybody
TO_ALL = {"assignManager", "unassignManager", "addGroupMembers", "removeGroupMembers"}
# what a manager of some groups does for the people of these, or with what is their own
FOR_SOME = {
    *("bulkEnroll", "enroll", "enrollInLearningPath", "unenroll", "updateEnrollment"),
    *("issueCertificate", "renewCertificate", "revokeCertificate"),
    *("waiveLesson", "withdrawFromLearningPath", "recordProgress", "recordProgressBatch", "gradeSubmission"),
    *("bulkUsers", "createPasswordReset", "deactivateUser", "inviteUser", "reactivateUser", "updateUser"),
    *("revokeInvitation", "revokeSession", "removeTotp", "deletePasskey", "updatePasskey"),
    # their own
    *("changePassword", "confirmTotp", "setUpTotp", "completeUpload", "createUpload", "deleteFile"),
    *("startQuizAttempt", "submitAssignment", "submitQuizAttempt"),
    *("enrollViewer", "setMailSubscription", "unenrollViewer", "updateViewer"),
}
# whose group it is they are told once it is looked up
OF_A_GROUP = {"addGroupMembers", "removeGroupMembers"}
# what a school has none of; that it is seen where there is one is shown elsewhere
ABSENT = {
    *("bulkChange", "bulkOperation", "event", "file", "mailSender", "webhookDelivery", "webhookEndpoint"),
}
# absent for who has the permission and yet does not take part
UNSEEN = {"quiz", "learningPath"} | ABSENT
# what is for anybody; a token that nobody was given is for the form
OPEN = {
    "acceptInvitation": (
        'mutation { acceptInvitation(input: {token: "X", name: "X", password: "correct horse battery"}) '
        "{ errors { code } } }"
    ),
    "branding": '{ branding(host: "nobody.example") { logo } }',
    "resetPassword": (
        'mutation { resetPassword(input: {token: "X", password: "correct horse battery"}) '
        "{ errors { code } } }"
    ),
    "verifyCertificate": '{ verifyCertificate(serial: "X") { state } }',
    "viewer": "{ viewer { kind } }",
}
FIELDS: dict[str, Any] = {
    name: field
    for root in ("Query", "Mutation")
    for name, field in schema.core().type_map[root].fields.items()
    if name not in OPEN
}
HEARD: dict[str, Any] = schema.core().type_map["Subscription"].fields


@pytest.fixture(autouse=True)
def _counted(record_property: Any) -> None:
    """A test is a case; how many they are is in decision 0023."""
    record_property("permission_cases", 1)


def required(name: str) -> Permission | None:
    """None: whoever is signed in."""
    (guard,) = [
        each
        for each in (FIELDS | HEARD)[name].extensions["strawberry-definition"].extensions
        if isinstance(each, Requires)
    ]
    return guard.required if isinstance(guard.required, Permission) else None


def call(school: School, name: str) -> str:
    enrollment = school.enrollments[0]
    lesson = school.lessons[enrollment.course_id][0]
    ids = {
        "group": school.id(NodeKind.GROUP, school.group),
        "category": school.id(NodeKind.CATEGORY, school.category),
        "path": school.id(NodeKind.LEARNING_PATH, school.path),
        "onpath": school.id(NodeKind.LEARNING_PATH_ENROLLMENT, new_id()),
        "tag": school.id(NodeKind.TAG, school.tag),
        "user": school.id(NodeKind.USER, enrollment.user_id),
        "course": school.id(NodeKind.COURSE, enrollment.course_id),
        "enrollment": school.id(NodeKind.ENROLLMENT, enrollment),
        "lesson": school.id(NodeKind.LESSON, lesson),
        # nobody's: whoever gets that far is told that it is not there
        "assignment": school.id(NodeKind.ASSIGNMENT, new_id()),
        "submission": school.id(NodeKind.SUBMISSION, new_id()),
        "file": school.id(NodeKind.FILE, new_id()),
        "item": school.id(NodeKind.CONTENT_ITEM, new_id()),
        "module": school.id(NodeKind.MODULE, lesson.module_id),
        "certificate": school.id(NodeKind.CERTIFICATE, new_id()),
        "key": school.id(NodeKind.API_KEY, new_id()),
        "passkey": school.id(NodeKind.PASSKEY, new_id()),
        "session": school.id(NodeKind.SESSION, new_id()),
        "sso": school.id(NodeKind.SSO_CONNECTION, new_id()),
        "scim": school.id(NodeKind.SCIM_TOKEN, new_id()),
        "domain": school.id(NodeKind.DOMAIN, new_id()),
        "branding": school.id(NodeKind.BRANDING, new_id()),
        "quiz": school.id(NodeKind.QUIZ, school.quiz),
        "question": school.id(NodeKind.QUIZ_QUESTION, new_id()),
        "attempt": school.id(NodeKind.QUIZ_ATTEMPT, new_id()),
        "invitation": school.id(NodeKind.INVITATION, school.invitation),
        "event": school.id(NodeKind.EVENT, new_id()),
        "job": school.id(NodeKind.TENANT_JOB, school.job),
        "endpoint": school.id(NodeKind.WEBHOOK_ENDPOINT, new_id()),
        "delivery": school.id(NodeKind.WEBHOOK_DELIVERY, new_id()),
        "change": school.id(NodeKind.BULK_CHANGE, new_id()),
        "operation": school.id(NodeKind.BULK_OPERATION, new_id()),
        "role": school.id(NodeKind.CUSTOM_ROLE, school.role),
    }
    text = (CALLS | LISTENS)[name]
    for kind, id_ in ids.items():
        text = text.replace(f"${kind}", id_)
    return text


def test_every_root_field_is_tried() -> None:
    assert CALLS.keys() == FIELDS.keys()
    assert LISTENS.keys() == HEARD.keys()


def opens(name: str, role: Role) -> bool:
    return required(name) in PERMISSIONS[role]


@pytest.fixture(scope="module")
async def people(lasting_school: School) -> dict[Role, User]:
    """One of each role in the lasting school."""
    return {role: await of_role(lasting_school, role) for role in PERMISSIONS}


@pytest.fixture(scope="module")
async def branches(open_school: OpenSchool) -> dict[Role, Branch]:
    """Schools of which nothing changes either; in each somebody of this role manages a group of some."""
    return {role: await branch_of(await open_school(), role=role) for role in ("manager", "admin")}


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_nobody_is_asked_to_sign_in(lasting_school: School, name: str) -> None:
    reply = await lasting_school.ask(call(lasting_school, name), caller=None)
    assert (reply.status, reply.code, reply.statements) == (200, "UNAUTHENTICATED", 0)
    assert reply.body["data"] == {name: None}


@pytest.mark.parametrize("name", sorted(name for name in CALLS if required(name)))
async def test_every_other_permission_does_not_help(lasting_school: School, name: str) -> None:
    others = [each for each in Permission if each is not required(name)]
    reply = await lasting_school.ask(call(lasting_school, name), caller=others)
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
    assert reply.body["data"] == {name: None}


@pytest.mark.parametrize("role", [None, *PERMISSIONS])
@pytest.mark.parametrize("name", sorted(OPEN))
async def test_what_is_for_anybody_is_answered_whoever_asks(
    lasting_school: School, people: dict[Role, User], name: str, role: Role | None
) -> None:
    reply = await lasting_school.ask(OPEN[name], caller=None if role is None else people[role])
    assert "errors" not in reply.body
    assert reply.codes == (["NOT_FOUND"] if "mutation" in OPEN[name] else [])


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_every_permission_opens_every_door(
    lasting_school: School, open_school: OpenSchool, name: str
) -> None:
    school = await open_school() if name in CHANGING else lasting_school
    reply = await school.ask(call(school, name))
    assert reply.data[name] is not None or name in ABSENT


@pytest.mark.parametrize(
    ("name", "role"), [(name, role) for name in sorted(CALLS) for role in PERMISSIONS if opens(name, role)]
)
async def test_a_role_opens_the_doors_of_its_permissions(
    lasting_school: School, people: dict[Role, User], open_school: OpenSchool, name: str, role: Role
) -> None:
    school, person = lasting_school, people[role]
    if name in CHANGING:
        school = await open_school()
        person = await of_role(school, role)
    reply = await school.ask(call(school, name), caller=person)
    is_absent = reply.body["data"][name] is None
    assert not is_absent or name in UNSEEN or reply.code == "FORBIDDEN", reply.body
    assert "UNAUTHENTICATED" not in reply.codes


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (name, role)
        for name in sorted(CALLS)
        for role in PERMISSIONS
        if required(name) and not opens(name, role)
    ],
)
async def test_a_role_opens_no_other_doors(
    lasting_school: School, people: dict[Role, User], name: str, role: Role
) -> None:
    """Nothing is changed, and nothing put into the queue: not a statement is sent."""
    reply = await lasting_school.ask(call(lasting_school, name), caller=people[role])
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)


@pytest.mark.parametrize("role", ["manager", "admin"])
@pytest.mark.parametrize(
    "name", sorted(name for name, text in CALLS.items() if any(p in text for p in OF_ONE))
)
async def test_a_manager_of_another_group_does_not_find_whose_it_is(
    branches: dict[Role, Branch], name: str, role: Role
) -> None:
    """Who and whose is named belongs to no group of theirs: it is as if they were not there."""
    branch = branches[role]
    said = "results { error { code } }" if name in MANY else "errors { code }"
    text = call(branch.school, name).replace("clientMutationId", said)
    reply = await branch.school.ask(text, caller=branch.manager)
    found = reply.body["data"][name]
    if found and name in MANY:
        assert [each["error"]["code"] for each in found["results"]] == ["NOT_FOUND"]
    elif found:
        assert found == {"errors": [{"code": "NOT_FOUND"}]}
    else:
        assert reply.codes in ([], ["FORBIDDEN"])
        assert not reply.codes or required(name) not in PERMISSIONS[role] or name in TO_ALL


@pytest.mark.parametrize("role", ["manager", "admin"])
@pytest.mark.parametrize("name", sorted(CALLS.keys() - CHANGING))
async def test_what_a_manager_of_some_groups_may_not_read_says_so(
    branches: dict[Role, Branch], name: str, role: Role
) -> None:
    branch = branches[role]
    reply = await branch.school.ask(call(branch.school, name), caller=branch.manager)
    said = FIELDS[name].description.lower()
    is_for_others = "not for who manages some groups" in said or "for who sees everybody" in said
    if is_for_others or (required(name) and not opens(name, role)):
        assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
    else:
        assert reply.codes == []


@pytest.mark.parametrize("name", sorted(CHANGING))
async def test_a_manager_of_some_groups_changes_nothing_of_everybodys(
    branches: dict[Role, Branch], open_school: OpenSchool, name: str
) -> None:
    """It is refused before a statement is sent, unless it is for their own people, or of their own."""
    if name in FOR_SOME:
        branch = await branch_of(await open_school(), role="admin")
    else:
        branch = branches["admin"]
    reply = await branch.school.ask(call(branch.school, name), caller=branch.manager)
    if name in FOR_SOME:
        assert reply.codes == []
    else:
        assert (reply.code, reply.body["data"]) == ("FORBIDDEN", {name: None})
        assert reply.statements == 0 or name in OF_A_GROUP


@pytest.mark.parametrize("name", sorted(CALLS | LISTENS))
async def test_a_caller_of_another_organization_is_refused_at_the_door(
    lasting_school: School, name: str
) -> None:
    """Before the operation: a credential and an address that do not agree."""
    stranger = msgspec.structs.replace(lasting_school.organization, slug="nobody-else")
    headers = {
        **await lasting_school.headers(lasting_school.owner),
        "host": f"{stranger.slug}.harka.localhost",
    }
    answer = await lasting_school.send(json={"query": call(lasting_school, name)}, headers=headers)
    assert answer.status_code in {403, 404}
    assert "data" not in answer.json()


async def refused(school: School, name: str, caller: Any) -> str | None:
    """With which code; None for who may listen, and is told."""
    async with school.stream(call(school, name), caller=caller) as stream:
        assert (await stream.opened(), await stream.event()) == (200, ("heartbeat", None))
        channels = list(school.runtime.pubsub._channels.values())
        listening = [each for channel in channels for each in channel.subscriptions]
        for each in listening:
            each.put(RESYNC)
        kind, told = await stream.event()
        assert kind == "next"
        if "errors" in told:
            assert listening == [], "who is refused does not listen all the same"
            code: str = told["errors"][0]["extensions"]["code"]
            return code
        assert told["data"] == {name: {"resync": True}}
        return None


@pytest.mark.parametrize("name", sorted(LISTENS))
async def test_listening_takes_the_permission_and_no_other(lasting_school: School, name: str) -> None:
    assert await refused(lasting_school, name, None) == "UNAUTHENTICATED"
    assert await refused(lasting_school, name, list(Permission)) is None
    # what is anybody's who is signed in is shown to who may see it
    needed = required(name) or Permission.ENROLLMENT_READ
    others = [each for each in Permission if each is not needed]
    assert await refused(lasting_school, name, others) == "FORBIDDEN"


@pytest.mark.parametrize(("name", "role"), [(name, role) for name in sorted(LISTENS) for role in PERMISSIONS])
async def test_a_role_listens_to_what_its_permissions_open(
    lasting_school: School, people: dict[Role, User], name: str, role: Role
) -> None:
    expected = None if opens(name, role) else "FORBIDDEN"
    if required(name) is None:
        # it is somebody else's
        expected = None if Permission.ENROLLMENT_READ in PERMISSIONS[role] else "NOT_FOUND"
    assert await refused(lasting_school, name, people[role]) == expected


@pytest.mark.parametrize("role", ["manager", "admin"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("progressChanged", "NOT_FOUND"),
        ("submissionGraded", "NOT_FOUND"),
        ("tenantAnalyticsChanged", "FORBIDDEN"),
    ],
)
async def test_a_manager_of_some_groups_listens_to_nobody_elses(
    branches: dict[Role, Branch], name: str, code: str, role: Role
) -> None:
    branch = branches[role]
    assert await refused(branch.school, name, branch.manager) == code


async def of_role(school: School, role: Role) -> User:
    async with school.work() as work:
        return await user.create(work, UserDraft(email=f"{role}@roles.example", name="X", role=role))


async def test_the_permission_comes_before_the_arguments_are_looked_at(school: School) -> None:
    gone = school.id(NodeKind.COURSE, new_id())
    for id_ in (gone, "garbage"):
        text = f'mutation {{ publishCourse(input: {{id: "{id_}"}}) {{ clientMutationId }} }}'
        assert (await school.ask(text, caller=school.learner)).code == "FORBIDDEN"
