"""Lists of groups and of their people, below a group and below a person: in any order, and narrowed."""

from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, get_named_type

from harka.graph import schema
from harka.ids import NodeKind
from harka.learning import completion, group, group_manager, group_member, user
from harka.learning import course as courses
from harka.learning.completion import CompletionEntry
from harka.learning.course import CourseChanges
from harka.learning.user import UserChanges
from harka.repositories.group import Group
from school import OpenSchool, School

BELOW = {
    "group": ("children", "members", "managers"),
    "user": ("groups", "managedGroups", "certificates"),
}
LISTS = [(noun, listed) for noun, lists in BELOW.items() for listed in lists]
NAMES = ("b", "A", "\u0101", "c")
SHOWN = {"CREATED_AT": "createdAt", "NAME": "name", "EMAIL": "email", "EXPIRES_AT": "expiresAt"}
WIDE = {"group": "groups", "user": "users"}
# an argument each, so that cursors of one are not those of another
SOME = {
    "children": '{name: "\u0100"}',
    "members": '{startsWith: "PERSON 2"}',
    "managers": "{role: LEARNER}",
    "groups": '{name: "b", isTop: false}',
    "managedGroups": '{name: "C"}',
    "certificates": "{state: VALID}",
}


def orders(noun: str, listed: str) -> list[str]:
    type_ = schema.core().type_map[noun.capitalize()]
    assert isinstance(type_, GraphQLObjectType)
    order = get_named_type(type_.fields[listed].args["orderBy"].type)
    assert isinstance(order, GraphQLInputObjectType)
    by = get_named_type(order.fields["field"].type)
    assert isinstance(by, GraphQLEnumType)
    return [*by.values]


ORDERS = [
    (noun, listed, by, direction)
    for noun, listed in LISTS
    for by in orders(noun, listed)
    for direction in ("ASC", "DESC")
]


async def grown(school: School) -> list[Group]:
    """Four groups below the school's with everybody in each; a learner manages all, certified twice."""
    assert school.group is not None
    async with school.work() as work:
        made = [await group.create(work, name=name, parent_id=school.group.id) for name in NAMES]
        for n, each in enumerate(made):
            await group_member.add(work, each.id, [person.id for person in school.people])
            await group_manager.assign(work, each.id, school.learner.id)
            if not n:
                await group_manager.assign(work, each.id, school.instructor.id)
        for course, days in zip(school.courses[:2], (90, None), strict=True):
            changes = CourseChanges(awards_certificate=True, certificate_days=days)
            await courses.update(work, course.id, changes, version=course.version)
            taken = school.enrollment_of(school.learner, course)
            await completion.complete_many(work, [CompletionEntry(enrollment_id=taken.id)])
        # an address and a name in another order than that in which they came
        changes = UserChanges(email="a@example.com", name="Zoe")
        await user.update(work, school.owner.id, changes, version=1)
    return made


async def parent_of(school: School, noun: str) -> str:
    """The group of which everything is below, or the person who has everything."""
    made = await grown(school)
    if noun == "user":
        return school.id(NodeKind.USER, school.learner)
    return school.id(NodeKind.GROUP, made[0])


def document(noun: str, listed: str, selected: str, more: str = "") -> str:
    return f"""query ($id: ID!, $first: Int!, $after: String) {{ {noun}(id: $id) {{
      {listed}(first: $first, after: $after{more}) {{
        totalCount nodes {{ id {selected} }} pageInfo {{ endCursor hasNextPage }} }} }} }}"""


async def listed_in(school: School, text: str, **values: Any) -> Any:
    (root,) = (await school.ask(text, {"first": 100, **values})).data.values()
    (page,) = root.values()
    return page


@pytest.mark.parametrize(("noun", "listed", "by", "direction"), ORDERS, ids=str)
async def test_a_list_below_is_walked_in_its_order_from_either_end(
    school: School, noun: str, listed: str, by: str, direction: str
) -> None:
    id_ = await parent_of(school, noun)
    if listed == "children":
        id_ = school.id(NodeKind.GROUP, school.group)
    shown = SHOWN[by]
    text = document(noun, listed, shown, f", orderBy: {{field: {by}, direction: {direction}}}")
    whole = await listed_in(school, text, id=id_)
    assert whole["totalCount"] == len(whole["nodes"]) >= 2
    keys = [node[shown] for node in whole["nodes"]]
    if None in keys:
        assert keys.index(None) == (1 if direction == "ASC" else 0)
    elif by != "EMAIL":
        assert keys == sorted(keys, reverse=direction == "DESC")
    seen: list[Any] = []
    after, more = None, True
    while more:
        page = await listed_in(school, text, id=id_, first=1, after=after)
        seen += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == whole["nodes"]
    turned = text.replace(f"direction: {direction}", f"direction: {'ASC' if direction == 'DESC' else 'DESC'}")
    narrowed = document(
        noun, listed, shown, f", orderBy: {{field: {by}, direction: {direction}}}, filter: {SOME[listed]}"
    )
    for other in (turned, narrowed):
        refused = await school.ask(other, {"id": id_, "first": 1, "after": after})
        assert (refused.code, refused.statements <= 1) == ("INVALID_CURSOR", True)


@pytest.mark.parametrize(("noun", "listed"), LISTS)
async def test_the_order_that_nobody_asked_for_has_cursors_of_its_own(
    school: School, noun: str, listed: str
) -> None:
    """Of those of ids; others are the same as the one that is asked for."""
    id_ = await parent_of(school, noun)
    page = await listed_in(school, document(noun, listed, ""), id=id_, first=0)
    assert page["nodes"] == []
    whole = await listed_in(school, document(noun, listed, ""), id=id_)
    if listed not in {"children", "certificates"}:
        ids = [node["id"] for node in whole["nodes"]]
        assert len(ids) >= 2
        ordered = document(noun, listed, "", ", orderBy: {field: CREATED_AT}")
        given = {"id": id_, "first": 1, "after": whole["pageInfo"]["endCursor"]}
        assert (await school.ask(ordered, given)).code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("noun", "listed", "narrowed", "expected"),
    [
        ("group", "children", '{name: "\u0100"}', 1),
        ("group", "children", '{name: "%"}', 0),
        ("group", "children", "{isTop: true}", 0),
        ("group", "children", "{isTop: false}", 4),
        ("group", "members", '{startsWith: "person"}', 3),
        ("group", "members", '{startsWith: "A@"}', 1),
        ("group", "members", "{role: LEARNER, status: ACTIVE}", 2),
        ("group", "members", "{status: INACTIVE}", 0),
        ("group", "members", '{groupId: "$group"}', 4),
        ("group", "members", '{groupId: "$lonely"}', 0),
        ("group", "members", '{roleId: "$role"}', 0),
        ("group", "members", '{createdBefore: "2020-01-01T00:00:00Z"}', 0),
        ("group", "managers", "{role: LEARNER}", 1),
        ("group", "managers", '{startsWith: "person", createdFrom: "2020-01-01T00:00:00Z"}', 2),
        ("group", "managers", '{groupId: "$lonely"}', 0),
        ("user", "groups", "{isTop: true}", 1),
        ("user", "groups", '{name: "B"}', 2),
        ("user", "groups", '{name: "B", isTop: false}', 1),
        ("user", "managedGroups", '{name: "C"}', 1),
        ("user", "managedGroups", "{isTop: true}", 0),
        ("user", "certificates", "{state: VALID}", 2),
        ("user", "certificates", "{state: REVOKED}", 0),
        ("user", "certificates", '{courseId: "$course"}', 1),
        ("user", "certificates", '{userId: "$learner"}', 2),
        ("user", "certificates", '{userId: "$owner"}', 0),
        ("user", "certificates", '{expiresBefore: "2099-01-01T00:00:00Z"}', 1),
    ],
)
async def test_a_list_below_is_narrowed_to_what_is_asked_for(
    school: School, noun: str, listed: str, narrowed: str, expected: int
) -> None:
    id_ = await parent_of(school, noun)
    if listed == "children":
        id_ = school.id(NodeKind.GROUP, school.group)
    async with school.work() as work:
        lonely = await group.create(work, name="Lonely")
    for word, of, kind in (
        ("$lonely", lonely, NodeKind.GROUP),
        ("$group", school.group, NodeKind.GROUP),
        ("$role", school.role, NodeKind.CUSTOM_ROLE),
        ("$course", school.courses[0], NodeKind.COURSE),
        ("$learner", school.learner, NodeKind.USER),
        ("$owner", school.owner, NodeKind.USER),
    ):
        narrowed = narrowed.replace(word, school.id(kind, of))
    everything = await listed_in(school, document(noun, listed, ""), id=id_)
    found = await listed_in(school, document(noun, listed, "", f", filter: {narrowed}"), id=id_)
    assert (found["totalCount"], len(found["nodes"])) == (expected, expected)
    assert [node for node in everything["nodes"] if node in found["nodes"]] == found["nodes"]
    # what follows is narrowed like the beginning
    text = document(noun, listed, "", f", filter: {narrowed}")
    seen, after = [], None
    for _ in range(expected):
        page = await listed_in(school, text, id=id_, first=1, after=after)
        assert page["totalCount"] == expected
        seen, after = seen + page["nodes"], page["pageInfo"]["endCursor"]
    assert seen == found["nodes"]
    given = {"id": id_, "first": 1, "after": everything["pageInfo"]["endCursor"]}
    assert (await school.ask(text, given)).code == "INVALID_CURSOR"


@pytest.mark.parametrize(("noun", "listed"), LISTS)
async def test_a_list_of_one_parent_costs_what_that_of_many_does(
    school: School, noun: str, listed: str
) -> None:
    await grown(school)
    async with school.work() as work:
        for n in range(20):
            await group.create(work, name=f"b {n}")
    by = orders(noun, listed)[-1]
    text = f"""query ($first: Int!) {{ {WIDE[noun]}(first: $first) {{ nodes {{ {listed}(
      first: 3, filter: {SOME[listed]}, orderBy: {{field: {by}, direction: DESC}}) {{
        totalCount nodes {{ id }} }} }} }} }}"""
    few = {"group": 5, "user": 4}[noun]
    short, long = [await school.ask(text, {"first": first}) for first in (few, 25)]
    assert short.statements == long.statements
    # parents, rows (of ties: ids, then nodes), counts
    assert long.statements == (3 if listed in {"children", "certificates"} else 4)
    totals = [node[listed]["totalCount"] for node in long.data[WIDE[noun]]["nodes"]]
    assert sum(totals) > 0
    assert totals == [len(node[listed]["nodes"]) for node in long.data[WIDE[noun]]["nodes"]]


@pytest.mark.parametrize(
    ("noun", "listed", "given", "field"),
    [
        ("group", "children", 'filter: {name: "a\\u0000"}', "filter.name"),
        ("group", "children", f'filter: {{name: "{"x" * 201}"}}', "filter.name"),
        ("group", "members", 'filter: {startsWith: "a\\u0000"}', "startsWith"),
        ("group", "managers", f'filter: {{startsWith: "{"x" * 321}"}}', "startsWith"),
        ("group", "managers", 'filter: {createdFrom: "0001-01-01T00:00:00Z"}', "filter.createdFrom"),
        ("user", "groups", 'filter: {name: "\\u0000"}', "filter.name"),
        ("user", "managedGroups", f'filter: {{name: "{"👩" * 201}"}}', "filter.name"),
        ("user", "certificates", 'filter: {issuedFrom: "0001-01-01T00:00:00Z"}', "filter.issuedFrom"),
        *((noun, listed, "first: 101", "first") for noun, listed in LISTS),
        *((noun, listed, "first: -1", "first") for noun, listed in LISTS),
    ],
)
async def test_what_no_list_takes_is_refused_by_its_field(
    lasting_school: School, noun: str, listed: str, given: str, field: str
) -> None:
    school = lasting_school
    id_ = school.id(*((NodeKind.USER, school.learner) if noun == "user" else (NodeKind.GROUP, school.group)))
    first = "" if given.startswith("first") else "first: 1, "
    text = f"query ($id: ID!) {{ {noun}(id: $id) {{ {listed}({first}{given}) {{ nodes {{ id }} }} }} }}"
    refused = await school.ask(text, {"id": id_})
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", field)


@pytest.mark.parametrize(
    ("noun", "listed", "given"),
    [
        ("group", "members", "filter: {groupId: $of}"),
        ("group", "managers", "filter: {roleId: $of}"),
        ("user", "certificates", "filter: {courseId: $of}"),
        ("user", "certificates", "filter: {userId: $of}"),
    ],
)
async def test_an_id_of_another_organization_is_none_here(
    lasting_school: School, open_school: OpenSchool, noun: str, listed: str, given: str
) -> None:
    school, rival = lasting_school, await open_school()
    id_ = school.id(*((NodeKind.USER, school.learner) if noun == "user" else (NodeKind.GROUP, school.group)))
    text = f"""query ($id: ID!, $of: ID!) {{ {noun}(id: $id) {{
      {listed}(first: 1, {given}) {{ totalCount nodes {{ id }} }} }} }}"""
    of = {
        "groupId": rival.id(NodeKind.GROUP, rival.group),
        "roleId": rival.id(NodeKind.CUSTOM_ROLE, rival.role),
        "courseId": rival.id(NodeKind.COURSE, rival.courses[0]),
        "userId": rival.id(NodeKind.USER, rival.learner),
    }
    name = given.split("{")[1].split(":", maxsplit=1)[0]
    refused = await school.ask(text, {"id": id_, "of": of[name]})
    assert (refused.code, refused.field) == ("INVALID_ID", f"filter.{name}")


@pytest.mark.parametrize(("noun", "listed"), LISTS)
async def test_an_order_that_there_is_not_is_no_document(
    lasting_school: School, noun: str, listed: str
) -> None:
    text = document(noun, listed, "", ", orderBy: {field: PASSWORD}")
    refused = await lasting_school.ask(text, {"id": "x", "first": 1})
    at_root = await lasting_school.ask("{ users(first: 1, orderBy: {field: PASSWORD}) { totalCount } }")
    assert (refused.code, refused.statements) == (at_root.code, 0)
