"""A manager of one branch finds nobody of another, by any list or id, and is told what does not exist."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, parse, visit

from branches import branch_of
from harka.graph import schema
from harka.ids import NodeKind, new_id
from harka.learning import progress
from harka.repositories.user import User
from school import School

PEOPLE = {"UserConnection", "EnrollmentConnection", "CertificateConnection", "SearchHitConnection"} | {
    "LearningPathEnrollmentConnection"
}
LISTS = """query ($ours: ID!, $stranger: ID!, $course: ID!, $group: ID!) {
  users(first: 50) { totalCount nodes { ...person } }
  named: users(first: 50, filter: {startsWith: "P"}, orderBy: {field: NAME}) { totalCount nodes { id } }
  enrollments(first: 50) { totalCount nodes { ...enrolled } }
  inCourse: enrollments(first: 50, filter: {courseId: $course}) { totalCount nodes { ...enrolled } }
  ofStranger: enrollments(first: 50, filter: {userId: $stranger}) { totalCount nodes { ...enrolled } }
  course(id: $course) { enrollments(first: 50) { totalCount nodes { ...enrolled } } }
  groups(first: 50) { totalCount nodes {
    members(first: 50) { totalCount nodes { ...person } } managers(first: 50) { totalCount nodes { id } } } }
  group(id: $group) { members(first: 50) { totalCount } }
  user(id: $ours) { ...person }
  stranger: user(id: $stranger) { ...person }
  certificates(first: 50) { totalCount nodes { id holderName } }
  learningPathEnrollments(first: 50) { totalCount nodes { user { id } } }
  learningPaths(first: 9) { nodes { enrollments(first: 50) { totalCount nodes { user { id } } } } }
  search(query: "person", first: 50) { totalCount nodes { user { id } } }
}
fragment person on User {
  id name groups(first: 9) { totalCount } managedGroups(first: 9) { totalCount }
  enrollments(first: 9) { totalCount nodes { ...enrolled } }
  certificates(first: 9) { totalCount nodes { id holderName } }
  learningPathEnrollments(first: 9) { totalCount nodes { user { id } } }
}
fragment enrolled on Enrollment { id user { id } lessonProgress { id } completion { id } }"""
# of what is a person's: what to do with it, and the permission aside, what comes of it when it does not exist
CHANGES = {
    "enroll": 'enroll(input: {userId: "$user", courseId: "$course"})',
    "updateEnrollment": 'updateEnrollment(input: {id: "$enrollment", dueAt: "2030-01-01T00:00:00Z"})',
    "unenroll": 'unenroll(input: {id: "$enrollment"})',
    "waiveLesson": 'waiveLesson(input: {enrollmentId: "$enrollment", lessonId: "$lesson", reason: "X"})',
    "revokeCertificate": 'revokeCertificate(input: {id: "$certificate", reason: "X"})',
    "issueCertificate": 'issueCertificate(input: {enrollmentId: "$certified"})',
    "renewCertificate": 'renewCertificate(input: {id: "$certificate"})',
    "recordProgress": (
        'recordProgress(input: {enrollmentId: "$enrollment", lessonId: "$lesson", fraction: 0.5})'
    ),
    "updateUser": 'updateUser(input: {id: "$user", version: 1, name: "X"})',
    "deactivateUser": 'deactivateUser(input: {id: "$user"})',
    "reactivateUser": 'reactivateUser(input: {id: "$user"})',
    "addGroupMembers": 'addGroupMembers(input: {groupId: "$group", userIds: ["$user"]})',
    "removeGroupMembers": 'removeGroupMembers(input: {groupId: "$group", userIds: ["$user"]})',
}


def connections_of_people() -> set[str]:
    """Every list of people, or of what is somebody's, in the schema."""
    return {
        f"{type_.name}.{name}"
        for type_ in schema.core().type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if get_named_type(field.type).name in PEOPLE
    }


def asked(document: str) -> set[str]:
    info, found = TypeInfo(schema.core()), set()

    class Fields(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            found.add(f"{get_named_type(info.get_parent_type()).name}.{node.name.value}")

    visit(parse(document), TypeInfoVisitor(info, Fields()))
    return found


def test_every_list_of_people_is_tried() -> None:
    assert connections_of_people() - asked(LISTS) == set()


async def test_no_list_shows_or_counts_who_is_beyond(school: School) -> None:
    branch = await branch_of(school)
    variables = {
        "ours": branch.id(NodeKind.USER, branch.ours),
        "stranger": branch.id(NodeKind.USER, branch.stranger),
        "course": branch.id(NodeKind.COURSE, school.courses[0]),
        "group": branch.id(NodeKind.GROUP, school.group),
    }
    all_of_it = (await school.ask(LISTS, variables)).data
    assert all_of_it["users"]["totalCount"] == 5
    reply = await school.ask(LISTS, variables, caller=branch.manager)
    seen = reply.data
    own = {"id": variables["ours"]}
    assert [node["name"] for node in seen["users"]["nodes"]] == [branch.ours.name, "Manager"]
    assert seen["users"]["totalCount"] == 2
    assert seen["named"] == {"totalCount": 1, "nodes": [own]}
    # two courses of everybody's, and the one that certifies
    assert (seen["enrollments"]["totalCount"], len(seen["enrollments"]["nodes"])) == (3, 3)
    for listed in (seen["inCourse"], seen["course"]["enrollments"]):
        assert (listed["totalCount"], [each["user"] for each in listed["nodes"]]) == (1, [own])
    assert seen["ofStranger"] == {"totalCount": 0, "nodes": []}
    assert seen["stranger"] is None
    assert seen["search"] == {"totalCount": 1, "nodes": [{"user": own}]}
    assert seen["user"]["certificates"]["totalCount"] == 1
    assert (seen["certificates"]["totalCount"], len(seen["certificates"]["nodes"])) == (1, 1)
    # of the school's group, and of the team: the one learner
    assert [node["members"]["totalCount"] for node in seen["groups"]["nodes"]] == [1, 0, 1]
    assert [node["managers"]["totalCount"] for node in seen["groups"]["nodes"]] == [0, 1, 0]
    assert seen["group"]["members"]["totalCount"] == 1
    for person in (school.owner, school.instructor, branch.stranger):
        assert branch.id(NodeKind.USER, person) not in str(reply.body)


async def test_a_node_beyond_is_like_none(school: School) -> None:
    branch = await branch_of(school)
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    kinds = (NodeKind.USER, NodeKind.ENROLLMENT, NodeKind.CERTIFICATE)
    rows = [
        [person, school.enrollment_of(person, school.courses[0]), branch.certificates[person.id]]
        for person in (branch.ours, branch.stranger)
    ]
    ours, strange = ([branch.id(kind, row) for kind, row in zip(kinds, found, strict=True)] for found in rows)
    absent = [branch.id(kind, new_id()) for kind in kinds]
    reply = await school.ask(text, {"ids": [*ours, *strange, *absent]}, caller=branch.manager)
    assert reply.data["nodes"] == [*({"id": id_} for id_ in ours), *[None] * 6]


@pytest.mark.parametrize("name", CHANGES)
async def test_what_is_beyond_is_changed_as_little_as_what_is_not_there(school: School, name: str) -> None:
    branch = await branch_of(school, role="admin")
    gone = {
        **branch.of(branch.stranger),
        "user": branch.id(NodeKind.USER, new_id()),
        "enrollment": branch.id(NodeKind.ENROLLMENT, new_id()),
        "certificate": branch.id(NodeKind.CERTIFICATE, new_id()),
        "certified": branch.id(NodeKind.ENROLLMENT, new_id()),
    }
    answers = []
    for ids in (branch.of(branch.stranger), gone, branch.of(branch.ours)):
        text = CHANGES[name]
        for kind, id_ in ids.items():
            text = text.replace(f"${kind}", id_)
        reply = await school.ask(
            f"mutation {{ {text} {{ errors {{ code field message }} }} }}", caller=branch.manager
        )
        answers.append((reply.data[name]["errors"], reply.statements))
    (beyond, beyond_cost), (absent, absent_cost), (within, _) = answers
    assert (beyond, beyond_cost) == (absent, absent_cost)
    assert (beyond[0]["code"], within) == ("NOT_FOUND", [])


BATCH = (
    'mutation { recordProgressBatch(input: {entries: [{enrollmentId: "$enrollment", lessonId: "$lesson", '
    "fraction: 0.5}]}) { results { changed error { code } } } }"
)
BULK = """mutation { bulkEnroll(input: {
  courseId: "$course", onError: REJECT_FAILED_ROWS, userIds: ["$user"]}) {
  results { user { id } error { code } } } }"""
FILTERED = """mutation { bulkEnroll(input: {courseId: "$course", filter: {}, dryRun: true}) {
  results { user { id } } } }"""


async def test_many_at_once_are_those_within(school: School) -> None:
    branch = await branch_of(school)

    async def done(text: str, person: User) -> Any:
        for kind, id_ in branch.of(person).items():
            text = text.replace(f"${kind}", id_)
        (answer,) = (await school.ask(text, caller=branch.manager)).data.values()
        return answer["results"]

    assert await done(BATCH, branch.stranger) == [{"changed": False, "error": {"code": "NOT_FOUND"}}]
    assert await done(BATCH, branch.ours) == [{"changed": True, "error": None}]
    assert await done(BULK, branch.stranger) == [{"user": None, "error": {"code": "NOT_FOUND"}}]
    found = {each["user"]["id"] for each in await done(FILTERED, branch.ours)}
    assert found == {branch.id(NodeKind.USER, each) for each in (branch.ours, branch.manager)}


async def test_what_tells_of_everybody_is_refused(school: School) -> None:
    branch = await branch_of(school)
    course = branch.id(NodeKind.COURSE, school.courses[0])
    for text in (
        "{ analytics { asOf } }",
        f'{{ courseAnalytics(courseId: "{course}") {{ asOf }} }}',
    ):
        assert (await school.ask(text, caller=branch.manager)).code == "FORBIDDEN"
    seen = await school.ask("{ viewer { permissions } }", caller=branch.manager)
    assert "analytics:read" not in seen.data["viewer"]["permissions"]


async def test_a_course_tells_a_manager_of_their_own_people_only(school: School) -> None:
    branch = await branch_of(school)
    course = branch.id(NodeKind.COURSE, school.courses[0])
    document = (
        f'subscription {{ progressChanged(courseId: "{course}") {{ enrollment {{ user {{ id }} }} }} }}'
    )
    async with school.stream(document, caller=branch.manager) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        for person in (branch.stranger, branch.ours):
            enrolled = school.enrollment_of(person, school.courses[0])
            async with school.work() as work:
                await progress.record(
                    work,
                    enrollment_id=enrolled.id,
                    lesson_id=school.lessons[enrolled.course_id][0].id,
                    fraction=1.0,
                )
        _, told = await stream.event()
        assert told["data"]["progressChanged"]["enrollment"]["user"] == {
            "id": branch.id(NodeKind.USER, branch.ours)
        }
        assert stream.is_silent


async def test_how_many_people_there_are_is_told_of_their_own_only(school: School) -> None:
    branch = await branch_of(school)
    reply = await school.ask("{ organization { users { active } } }", caller=branch.manager)
    assert reply.data["organization"]["users"]["active"] == 2
