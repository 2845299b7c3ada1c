"""Who is on a path, and on which a person is: walked from either end, and narrowed, like everybody's."""

from typing import Any

import pytest

from branches import branch_of
from harka.ids import NodeKind, new_id
from harka.learning import completion, path, path_enrollment
from harka.learning.completion import CompletionEntry
from harka.learning.path import PathDraft
from harka.repositories.path import LearningPath
from school import School

LISTS = """query ($path: ID!, $user: ID!, $first: Int!, $after: String, $filter: LearningPathEnrollmentFilter,
    $by: LearningPathEnrollmentOrderBy) {
  all: learningPathEnrollments(first: $first, after: $after, filter: $filter, orderBy: $by) { ...page }
  learningPath(id: $path) {
    enrollments(first: $first, after: $after, filter: $filter, orderBy: $by) { ...page } }
  user(id: $user) {
    learningPathEnrollments(first: $first, after: $after, filter: $filter, orderBy: $by) { ...page } } }
fragment page on LearningPathEnrollmentConnection { totalCount pageInfo { endCursor hasNextPage }
  nodes { id createdAt status user { id } learningPath { id } } }"""
PEOPLE = """query ($first: Int!) { users(first: $first) { nodes {
  learningPathEnrollments(first: 2, filter: {status: ACTIVE}, orderBy: {field: CREATED_AT, direction: DESC}) {
    totalCount nodes { status } } } } }"""
WAYS = """query ($first: Int!) { learningPaths(first: $first) { nodes {
  enrollments(first: 2, filter: {progressBelow: 1}, orderBy: {field: CREATED_AT, direction: DESC}) {
    totalCount nodes { status } } } } }"""
NAMES = ("all", "way", "learner")


async def ways(school: School) -> tuple[LearningPath, LearningPath]:
    """Two paths with a course each: learner, other and instructor are on the first, who has completed it.

    The learner is on the second, too.
    """
    assert school.path is not None
    async with school.work() as work:
        short = await path.create(work, PathDraft(title="Short", course_ids=[school.courses[0].id]))
        for each in (school.path, short):
            await path.publish(work, each.id)
        for person in (school.learner, school.other, school.instructor):
            await path_enrollment.enroll(work, path_id=short.id, user_id=person.id)
        await path_enrollment.enroll(work, path_id=school.path.id, user_id=school.learner.id)
    async with school.work() as work:
        done = school.enrollment_of(school.other, school.courses[0])
        await completion.complete_many(work, [CompletionEntry(enrollment_id=done.id)])
    return short, school.path


def parents(school: School, way: LearningPath) -> dict[str, str]:
    return {
        "path": school.id(NodeKind.LEARNING_PATH, way),
        "user": school.id(NodeKind.USER, school.learner),
    }


async def pages(school: School, ids: dict[str, str], caller: Any = None, **asked: Any) -> dict[str, Any]:
    """Everybody's, the path's, and the learner's."""
    given = {"first": 100, **ids, **asked}
    data = (await school.ask(LISTS, given, **({} if caller is None else {"caller": caller}))).data
    found = (data["all"], data["learningPath"]["enrollments"], data["user"]["learningPathEnrollments"])
    return dict(zip(NAMES, found, strict=True))


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_each_list_is_walked_from_either_end(school: School, direction: str) -> None:
    short, _ = await ways(school)
    ids, order = parents(school, short), {"field": "CREATED_AT", "direction": direction}
    whole = await pages(school, ids, by=order)
    assert [whole[name]["totalCount"] for name in NAMES] == [4, 3, 2]
    part = await pages(school, ids, by=order, first=1)
    for name in NAMES:
        keys = [node["createdAt"] for node in whole[name]["nodes"]]
        assert keys == sorted(keys, reverse=direction == "DESC")
        page, seen = part[name], part[name]["nodes"]
        while page["pageInfo"]["hasNextPage"]:
            given = {"first": 1, **ids, "by": order, "after": page["pageInfo"]["endCursor"]}
            reply = await school.ask(LISTS, given)
            # of each list the others do not take it
            assert reply.codes == ["INVALID_CURSOR"] * 2
            data = reply.body["data"]
            page = {
                "all": data["all"],
                "way": (data["learningPath"] or {}).get("enrollments"),
                "learner": (data["user"] or {}).get("learningPathEnrollments"),
            }[name]
            seen = [*seen, *page["nodes"]]
        assert seen == whole[name]["nodes"]
        for otherwise in (
            {"by": {"field": "CREATED_AT", "direction": "ASC" if direction == "DESC" else "DESC"}},
            {"filter": {"status": "ACTIVE"}},
        ):
            after = {"after": part[name]["pageInfo"]["endCursor"], "first": 1}
            reply = await school.ask(LISTS, {**ids, "by": order, **after, **otherwise})
            assert reply.codes == ["INVALID_CURSOR"] * 3


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({}, [4, 3, 2]),
        ({"status": "ACTIVE"}, [3, 2, 2]),
        ({"status": "COMPLETED"}, [1, 1, 0]),
        ({"userId": "$learner"}, [2, 1, 2]),
        ({"userId": "$other"}, [1, 1, 0]),
        ({"learningPathId": "$short"}, [3, 3, 1]),
        ({"learningPathId": "$way"}, [1, 0, 1]),
        ({"learningPathId": "$way", "userId": "$other"}, [0, 0, 0]),
        ({"progressFrom": 1}, [1, 1, 0]),
        ({"progressBelow": 1}, [3, 2, 2]),
        ({"completedFrom": "2026-01-01T00:00:00Z"}, [1, 1, 0]),
        ({"completedBefore": "2026-01-01T00:00:00Z"}, [0, 0, 0]),
    ],
    ids=str,
)
async def test_each_list_is_narrowed_alike(school: School, asked: dict[str, Any], counts: list[int]) -> None:
    short, way = await ways(school)
    words = {
        "$learner": school.id(NodeKind.USER, school.learner),
        "$other": school.id(NodeKind.USER, school.other),
        "$short": school.id(NodeKind.LEARNING_PATH, short),
        "$way": school.id(NodeKind.LEARNING_PATH, way),
    }
    given = {name: words.get(value, value) for name, value in asked.items()}
    ids = parents(school, short)
    everything, found = await pages(school, ids), await pages(school, ids, filter=given)
    for name, count in zip(NAMES, counts, strict=True):
        assert (found[name]["totalCount"], len(found[name]["nodes"])) == (count, count), name
        kept = [node for node in everything[name]["nodes"] if node in found[name]["nodes"]]
        assert kept == found[name]["nodes"]


async def test_those_of_many_come_in_as_many_statements_as_those_of_one(school: School) -> None:
    await ways(school)
    for asked, noun, below, counts in (
        (PEOPLE, "users", "learningPathEnrollments", [0, 1, 2, 0]),
        (WAYS, "learningPaths", "enrollments", [1, 2]),
    ):
        one, many = [await school.ask(asked, {"first": first}) for first in (1, 100)]
        # the parents; theirs, how many these are
        assert one.statements == many.statements == 3
        found = [node[below]["totalCount"] for node in many.data[noun]["nodes"]]
        assert found == counts
        assert [len(node[below]["nodes"]) for node in many.data[noun]["nodes"]] == counts


async def test_a_filter_finds_nobody_whom_the_list_does_not_show(school: School) -> None:
    short, _ = await ways(school)
    branch, ids = await branch_of(school), parents(school, short)
    other = {"userId": school.id(NodeKind.USER, school.other)}
    for narrowed, caller, counts in (
        (None, branch.manager, [2, 1, 2]),
        (other, branch.manager, [0, 0, 0]),
        ({"status": "COMPLETED"}, branch.manager, [0, 0, 0]),
        (None, school.learner, [2, 1, 2]),
        (other, school.learner, [0, 0, 0]),
        ({"progressFrom": 1}, school.learner, [0, 0, 0]),
    ):
        for asked in ({}, {"by": {"field": "CREATED_AT", "direction": "DESC"}}):
            found = await pages(school, ids, caller, filter=narrowed, **asked)
            assert [found[name]["totalCount"] for name in NAMES] == counts
            assert [len(found[name]["nodes"]) for name in NAMES] == counts


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"first": 101}, "VALIDATION_FAILED", "first"),
        ({"filter": {"progressFrom": -0.5}}, "VALIDATION_FAILED", "filter.progressFrom"),
        ({"filter": {"progressBelow": 1.5}}, "VALIDATION_FAILED", "filter.progressBelow"),
        ({"filter": {"completedFrom": "2300-01-01T00:00:00Z"}}, "VALIDATION_FAILED", "filter.completedFrom"),
        ({"filter": {"userId": "nul\0inside"}}, "INVALID_ID", "filter.userId"),
        ({"filter": {"userId": "$path"}}, "INVALID_ID", "filter.userId"),
        ({"filter": {"learningPathId": "$foreign"}}, "INVALID_ID", "filter.learningPathId"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_asked_for_is_told_of_each_list(
    school: School, asked: dict[str, Any], code: str, field: str
) -> None:
    assert school.path is not None
    ids = parents(school, school.path)
    foreign = school.runtime.node_ids.seal(new_id(), NodeKind.LEARNING_PATH, school.path.id)
    given = dict(asked)
    if "filter" in given:
        words = {"$path": ids["path"], "$foreign": foreign}
        given["filter"] = {name: words.get(str(each), each) for name, each in given["filter"].items()}
    async with school.work() as work:
        await path.publish(work, school.path.id)
    reply = await school.ask(LISTS, {**ids, "first": 1, **given})
    assert [(each["code"], each["field"]) for each in reply.refusals] == [(code, field)] * 3
