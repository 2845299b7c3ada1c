"""Every list has an order and a filter; those at the root are walked from either end, and narrowed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
)

from graph.mutations.test_assignment import create as create_assignment
from graph.mutations.test_submission import SUBMIT, given_by
from harka.graph import schema
from harka.ids import NodeKind, new_id
from harka.learning import completion, path, path_enrollment
from harka.learning import course as courses
from harka.learning.completion import CompletionEntry
from harka.learning.course import CourseChanges
from harka.repositories import sso_attempt
from school import School

CORE = schema.core()
ROOT = CORE.query_type
assert ROOT is not None
LISTS = {name: field for name, field in ROOT.fields.items() if "first" in field.args}
# in an order of their own: the best first, entries as they were given
UNORDERED = {"Query.search", "Query.bulkChangeResults"}
# narrowed by an argument of its own
UNFILTERED = {"Query.search"}
ORDERS = [
    (name, by, direction)
    for name, field in LISTS.items()
    if "orderBy" in field.args
    for order in [get_named_type(field.args["orderBy"].type)]
    if isinstance(order, GraphQLInputObjectType)
    for enum in [get_named_type(order.fields["field"].type)]
    if isinstance(enum, GraphQLEnumType)
    for by in enum.values
    for direction in ("ASC", "DESC")
]
# these have no field of that name to compare
SHOWN = {"SEQUENCE": "createdAt"}
NAMES = ("b", "A", "\u0101", "c")
NAMED = {
    "categories": "createCategory(input: {name: $name}) { errors { code } }",
    "tags": "createTag(input: {name: $name}) { errors { code } }",
    "groups": "createGroup(input: {name: $name}) { errors { code } }",
    "customRoles": 'createRole(input: {name: $name, permissions: ["course:read"]}) { errors { code } }',
    "apiKeys": 'createApiKey(input: {name: $name, scopes: ["course:read"]}) { errors { code } }',
    "scimTokens": "createScimToken(input: {name: $name}) { errors { code } }",
    "learningPaths": "createLearningPath(input: {title: $name}) { errors { code } }",
    "ssoConnections": 'createSsoConnection(input: {name: $name, issuer: "https://login.example.com/x", '
    'clientId: "c", clientSecret: "s"}) { errors { code } }',
}
MADE = {
    "bulkOperations": 'createBulkOperation(input: {query: "{ tags { nodes { id } } }"}) { errors { code } }',
    "webhookEndpoints": 'createWebhookEndpoint(input: {url: "https://example.com/hook", '
    'scopes: ["event:read"]}) { errors { code } }',
}


def required(field: Any) -> list[str]:
    return [name for name, argument in field.args.items() if isinstance(argument.type, GraphQLNonNull)]


def connections() -> dict[str, Any]:
    """Every field of the schema that answers a list with pages, at the root and below."""
    return {
        f"{type_.name}.{name}": field
        for type_ in CORE.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        for answer in [get_named_type(field.type)]
        if isinstance(answer, GraphQLObjectType)
        and {"nodes", "pageInfo", "totalCount"} <= answer.fields.keys()
    }


def test_every_list_has_a_filter_and_an_order_or_says_why_not() -> None:
    found = connections()
    assert {f"Query.{name}" for name in LISTS} < found.keys()
    for argument, without in (("orderBy", UNORDERED), ("filter", UNFILTERED)):
        assert {name for name, field in found.items() if argument not in field.args} == without
    for name, field in found.items():
        for argument in {"orderBy", "filter"} & field.args.keys():
            assert isinstance(field.args[argument].type, GraphQLInputObjectType), name


async def fill(school: School, noun: str) -> dict[str, Any]:
    """At least three rows of the list; what its required arguments are."""
    for name in NAMES if noun in NAMED else ():
        await done(school, f"mutation ($name: String!) {{ {NAMED[noun]} }}", {"name": name})
    for _ in range(3 if noun in MADE else 0):
        await done(school, f"mutation {{ {MADE[noun]} }}")
    filled = FILLED.get(noun)
    return {} if filled is None else await filled(school)


async def done(school: School, document: str, values: dict[str, Any] | None = None, **asked: Any) -> Any:
    (payload,) = (await school.ask(document, values, caller=asked.get("caller", school.owner))).data.values()
    assert payload["errors"] == []
    return payload


async def fill_domains(school: School) -> dict[str, Any]:
    for name in ("b", "a", "c"):
        text = "mutation ($name: String!) { addDomain(input: {name: $name}) { errors { code } } }"
        await done(school, text, {"name": f"{name}.example"})
    return {}


async def fill_invitations(school: School) -> dict[str, Any]:
    for name in ("b", "a", "c"):
        text = "mutation ($email: String!) { inviteUser(input: {email: $email}) { errors { code } } }"
        await done(school, text, {"email": f"{name}@example.com"})
    return {}


async def fill_attempts(school: School) -> dict[str, Any]:
    async with school.work() as work:
        for outcome in ("wrong_state", "no_seat", "no_seat"):
            await sso_attempt.insert(work.session, new_id(), None, school.learner.id, outcome, "")
    return {}


async def fill_path_enrollments(school: School) -> dict[str, Any]:
    assert school.path is not None
    async with school.work() as work:
        await path.publish(work, school.path.id)
        for person in (school.learner, school.other, school.instructor):
            await path_enrollment.enroll(work, path_id=school.path.id, user_id=person.id)
    return {}


async def fill_certificates(school: School) -> dict[str, Any]:
    course = school.courses[0]
    async with school.work() as work:
        await courses.update(work, course.id, CourseChanges(awards_certificate=True), version=course.version)
        for person in (school.learner, school.other):
            id_ = school.enrollment_of(person, course).id
            await completion.complete_many(work, [CompletionEntry(enrollment_id=id_)])
    return {}


async def fill_submissions(school: School) -> dict[str, Any]:
    asked = await create_assignment(school)
    for person in (school.learner, school.other):
        await done(school, SUBMIT, given_by(school, person, asked["id"]), caller=person)
    return {"assignmentId": asked["id"]}


async def fill_deliveries(school: School) -> dict[str, Any]:
    made = await done(
        school,
        'mutation { createWebhookEndpoint(input: {url: "https://example.com/hook", scopes: ["event:read"]}) {'
        " errors { code } webhookEndpoint { id } } }",
    )
    id_ = made["webhookEndpoint"]["id"]
    for _ in range(3):
        text = (
            "mutation ($id: ID!) { testWebhookEndpoint(input: {webhookEndpointId: $id}) { errors { code } } }"
        )
        await done(school, text, {"id": id_})
    return {"webhookEndpointId": id_}


async def fill_changes(school: School) -> dict[str, Any]:
    course = school.id(NodeKind.COURSE, school.courses[2])
    given = {"courseId": course, "userIds": [school.id(NodeKind.USER, school.learner)], "asJob": True}
    for _ in range(3):
        text = "mutation ($input: BulkEnrollInput!) { bulkEnroll(input: $input) { errors { code } } }"
        await done(school, text, {"input": given})
    return {}


FILLED: dict[str, Callable[[School], Awaitable[dict[str, Any]]]] = {
    "bulkChanges": fill_changes,
    "certificates": fill_certificates,
    "domains": fill_domains,
    "invitations": fill_invitations,
    "learningPathEnrollments": fill_path_enrollments,
    "ssoAttempts": fill_attempts,
    "submissions": fill_submissions,
    "webhookDeliveries": fill_deliveries,
}


def document(noun: str, selected: str, more: str = "") -> str:
    field = LISTS[noun]
    declared = "".join(f", ${name}: {field.args[name].type}" for name in required(field))
    passed = "".join(f", {name}: ${name}" for name in required(field) if name != "first")
    return f"""query ($after: String{declared}) {{
      {noun}(first: $first, after: $after{passed}{more}) {{
        totalCount nodes {{ id {selected} }} pageInfo {{ endCursor hasNextPage }} }} }}"""


def camel(constant: str) -> str:
    first, *rest = constant.lower().split("_")
    return first + "".join(each.capitalize() for each in rest)


@pytest.mark.parametrize(("noun", "by", "direction"), ORDERS, ids=str)
async def test_a_list_is_walked_in_its_order_from_either_end(
    school: School, noun: str, by: str, direction: str
) -> None:
    given = await fill(school, noun)
    shown = SHOWN.get(by, camel(by))
    text = document(noun, shown, f", orderBy: {{field: {by}, direction: {direction}}}")
    whole = (await school.ask(text, {"first": 100, **given})).data[noun]
    assert whole["totalCount"] == len(whole["nodes"])
    keys = [node[shown] for node in whole["nodes"]]
    if None not in keys and not (noun == "users" and by == "EMAIL"):
        assert keys == sorted(keys, reverse=direction == "DESC")
    seen: list[Any] = []
    after, more = None, True
    while more:
        page = (await school.ask(text, {"first": 1, "after": after, **given})).data[noun]
        seen += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == whole["nodes"]
    if after is not None:
        other = text.replace(
            f"direction: {direction}", f"direction: {'ASC' if direction == 'DESC' else 'DESC'}"
        )
        assert (await school.ask(other, {"first": 1, "after": after, **given})).code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("noun", "narrowed", "expected"),
    [
        ("categories", '{name: "\u0100"}', 1),
        ("categories", '{name: "%"}', 0),
        ("tags", '{name: "B"}', 1),
        ("groups", '{name: "\u0100", isTop: true}', 1),
        ("groups", '{name: "b", isTop: false}', 0),
        ("customRoles", '{name: "B", permission: "course:read"}', 1),
        ("customRoles", '{permission: "user:write"}', 0),
        ("apiKeys", '{name: "B", state: LIVE}', 1),
        ("apiKeys", '{name: "B", state: REVOKED}', 0),
        ("scimTokens", '{name: "B", state: LIVE}', 1),
        ("scimTokens", "{state: EXPIRED}", 0),
        ("apiKeys", '{name: "B", state: EXPIRED}', 0),
        ("learningPaths", '{title: "B", status: DRAFT}', 1),
        ("learningPaths", '{title: "B", status: PUBLISHED}', 0),
        ("ssoConnections", "{kind: OIDC, state: DRAFT}", 4),
        ("ssoConnections", "{kind: LDAP}", 0),
        ("ssoAttempts", "{outcome: NO_SEAT}", 2),
        ("ssoAttempts", '{userId: "$learner"}', 3),
        ("ssoAttempts", '{userId: "$owner", outcome: NO_SEAT}', 0),
        ("certificates", '{userId: "$learner", state: VALID}', 1),
        ("certificates", '{learningPathId: "$path"}', 0),
        ("certificates", '{courseId: "$course", expiresFrom: "2026-01-01T00:00:00Z"}', 0),
        ("domains", '{name: "B", status: PENDING}', 1),
        ("domains", "{status: ACTIVE}", 0),
        ("brandings", "{status: PUBLISHED}", 0),
        ("bulkChanges", "{kind: ENROLL, state: QUEUED}", 3),
        ("bulkChanges", "{kind: USERS}", 0),
        ("bulkChanges", "{state: DONE}", 0),
        ("bulkOperations", "{state: QUEUED}", 3),
        ("bulkOperations", "{state: DONE}", 0),
        ("invitations", '{email: "B@"}', 1),
        ("invitations", '{email: "b@", state: REVOKED}', 0),
        ("learningPathEnrollments", '{userId: "$learner", status: ACTIVE}', 1),
        ("learningPathEnrollments", '{learningPathId: "$path"}', 3),
        ("learningPathEnrollments", "{status: WITHDRAWN}", 0),
        ("submissions", "{isGraded: false}", 2),
        ("submissions", "{isGraded: true}", 0),
        ("submissions", "{isLate: true}", 0),
        ("webhookEndpoints", "{isPaused: false}", 3),
        ("webhookEndpoints", "{isPaused: true}", 0),
        ("webhookDeliveries", "{state: PENDING}", 3),
        ("webhookDeliveries", "{state: DEAD}", 0),
        ("sessions", "{kind: APP}", 0),
    ],
)
async def test_a_list_is_narrowed_to_what_is_asked_for(
    school: School, noun: str, narrowed: str, expected: int
) -> None:
    given = await fill(school, noun)
    everything = (await school.ask(document(noun, ""), {"first": 100, **given})).data[noun]
    for word, id_ in (
        ("$learner", school.id(NodeKind.USER, school.learner)),
        ("$owner", school.id(NodeKind.USER, school.owner)),
        ("$path", school.id(NodeKind.LEARNING_PATH, school.path)),
        ("$course", school.id(NodeKind.COURSE, school.courses[0])),
    ):
        narrowed = narrowed.replace(word, id_)
    found = (await school.ask(document(noun, "", f", filter: {narrowed}"), {"first": 100, **given})).data[
        noun
    ]
    assert (found["totalCount"], len(found["nodes"])) == (expected, expected)
    assert [node for node in everything["nodes"] if node in found["nodes"]] == found["nodes"]
    if everything["pageInfo"]["endCursor"] is not None:
        more = {"first": 1, "after": everything["pageInfo"]["endCursor"], **given}
        assert (await school.ask(document(noun, "", f", filter: {narrowed}"), more)).code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("noun", "argument", "same", "other"),
    [
        ("learningPaths", "status: DRAFT", "filter: {status: DRAFT}", "filter: {status: ARCHIVED}"),
        ("submissions", "graded: false", "filter: {isGraded: false}", "filter: {isGraded: true}"),
        (
            "learningPathEnrollments",
            "status: ACTIVE",
            "filter: {status: ACTIVE}",
            "filter: {status: COMPLETED}",
        ),
    ],
)
async def test_an_argument_of_before_the_filter_says_the_same(
    school: School, noun: str, argument: str, same: str, other: str
) -> None:
    given = {"first": 100, **await fill(school, noun)}
    old, new, both = [
        (await school.ask(document(noun, "", f", {text}"), given)).data[noun]
        for text in (argument, same, f"{argument}, {same}")
    ]
    assert old == new == both
    assert old["totalCount"] > 0
    refused = await school.ask(document(noun, "", f", {argument}, {other}"), given)
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", argument.partition(":")[0])
