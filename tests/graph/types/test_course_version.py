import pytest

from harka.ids import NodeKind
from harka.learning import course
from harka.tenancy.permission import Permission
from school import School

VERSIONS = """query ($id: ID!, $after: String) { course(id: $id) { versions(first: 1, after: $after) {
  totalCount pageInfo { hasNextPage endCursor }
  nodes { id number title publishedAt publishedBy { id } version course { id }
    modules { title moduleId lessons { title kind weight required lessonId } } } } } }"""


async def test_an_author_reads_what_was_published(school: School) -> None:
    subject = school.courses[0]
    async with school.work() as work:
        await course.archive(work, subject.id)
        await course.publish(work, subject.id)
    asked = {"id": school.id(NodeKind.COURSE, subject)}
    first = (await school.ask(VERSIONS, asked, caller=school.owner)).data["course"]["versions"]
    (old,) = first["nodes"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], old["number"]) == (2, True, 1)
    assert (old["title"], old["version"], old["course"]) == (subject.title, 1, asked)
    lessons = [each for module in old["modules"] for each in module["lessons"]]
    known = [school.id(NodeKind.LESSON, each) for each in school.lessons[subject.id]]
    assert [each["lessonId"] for each in lessons] == known
    after = {**asked, "after": first["pageInfo"]["endCursor"]}
    rest = (await school.ask(VERSIONS, after, caller=school.owner)).data["course"]["versions"]
    assert [node["number"] for node in rest["nodes"]] == [2]

    node = await school.ask("query ($id: ID!) { node(id: $id) { __typename } }", {"id": old["id"]})
    assert node.data["node"] == {"__typename": "CourseVersion"}
    hidden = await school.ask(
        "query ($id: ID!) { node(id: $id) { __typename } }", {"id": old["id"]}, caller=school.learner
    )
    assert hidden.data == {"node": None}
    refused = await school.ask(VERSIONS, asked, caller=school.learner)
    assert (refused.code, refused.body["data"]["course"]) == ("FORBIDDEN", {"versions": None})


async def test_versions_of_many_courses_come_together(school: School) -> None:
    asked = """query ($first: Int!) { courses(first: $first) { nodes {
      versions(first: 2) { totalCount nodes { number modules { lessons { lessonId } } } } } } }"""
    short, long = [await school.ask(asked, {"first": first}) for first in (1, 9)]
    assert [node["versions"]["totalCount"] for node in long.data["courses"]["nodes"]] == [1, 1, 1, 0]
    # courses; their versions, how many these are, what was in them
    assert short.statements == long.statements == 4


LISTED = """query ($id: ID!, $first: Int!, $after: String, $filter: CourseVersionFilter,
    $by: CourseVersionOrderBy) {
  course(id: $id) { versions(first: $first, after: $after, filter: $filter, orderBy: $by) {
    totalCount pageInfo { hasNextPage endCursor } nodes { number } } } }"""


async def published(school: School) -> str:
    """A course of three versions: by a program, called Course, then by the owner, called Other."""
    subject = school.courses[0]
    id_ = school.id(NodeKind.COURSE, subject)
    text = "mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) { errors { code } } }"
    given = {"id": id_, "version": subject.version, "title": "Other"}
    assert (await school.ask(text, {"input": given}, caller=school.owner)).codes == []
    for _ in range(2):
        for change in ("archiveCourse", "publishCourse"):
            text = f'mutation {{ {change}(input: {{id: "{id_}"}}) {{ errors {{ code }} }} }}'
            assert (await school.ask(text, caller=school.owner)).codes == []
    return id_


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["CREATED_AT", "NUMBER"])
async def test_versions_are_walked_from_either_end(school: School, by: str, direction: str) -> None:
    given = {"id": await published(school), "first": 1, "by": {"field": by, "direction": direction}}
    after, more, seen = None, True, []
    while more:
        page = (await school.ask(LISTED, {**given, "after": after})).data["course"]["versions"]
        assert page["totalCount"] == 3
        seen += [node["number"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == ([1, 2, 3] if direction == "ASC" else [3, 2, 1])
    for otherwise in (
        {"by": {"field": by, "direction": "ASC" if direction == "DESC" else "DESC"}},
        {"filter": {"title": "Other"}},
    ):
        assert (await school.ask(LISTED, {**given, "after": after, **otherwise})).code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"title": "oTHe"}, [2, 3]),
        ({"title": "%"}, []),
        ({"title": "👩‍🏫"}, []),
        ({"title": " "}, [1, 2, 3]),
        ({"publishedById": "$owner"}, [2, 3]),
        ({"publishedById": "$learner"}, []),
        ({"publishedFrom": "2026-01-01T00:00:00Z"}, [1, 2, 3]),
        ({"publishedBefore": "2026-01-01T00:00:00Z"}, []),
        ({}, [1, 2, 3]),
    ],
    ids=str,
)
async def test_versions_are_narrowed(school: School, asked: dict[str, str], expected: list[int]) -> None:
    id_ = await published(school)
    people = {"$owner": school.owner, "$learner": school.learner}
    narrowed = {
        name: school.id(NodeKind.USER, people[value]) if value in people else value
        for name, value in asked.items()
    }
    reply = await school.ask(LISTED, {"id": id_, "first": 9, "filter": narrowed})
    found = reply.data["course"]["versions"]
    assert ([node["number"] for node in found["nodes"]], found["totalCount"]) == (expected, len(expected))


async def test_who_published_is_found_by_who_may_see_them(school: School) -> None:
    id_ = await published(school)
    given = {"id": id_, "first": 9, "filter": {"publishedById": school.id(NodeKind.USER, school.owner)}}
    authors = (Permission.COURSE_READ, Permission.COURSE_WRITE)
    refused = await school.ask(LISTED, given, caller=authors)
    assert (set(refused.codes), refused.body["data"]["course"]) == ({"FORBIDDEN"}, {"versions": None})
    allowed = await school.ask(LISTED, given, caller=(*authors, Permission.USER_READ))
    assert allowed.data["course"]["versions"]["totalCount"] == 2


async def test_versions_of_many_courses_are_narrowed_together(school: School) -> None:
    await published(school)
    asked = """query ($first: Int!) { courses(first: $first) { nodes {
      versions(first: 2, filter: {title: "t"}, orderBy: {field: NUMBER, direction: DESC}) {
        totalCount nodes { number } } } } }"""
    short, long = [await school.ask(asked, {"first": first}) for first in (1, 9)]
    assert len(long.data["courses"]["nodes"]) == 4
    # courses; their versions, how many these are
    assert short.statements == long.statements == 3


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"first": 101}, "VALIDATION_FAILED", "first"),
        ({"filter": {"title": "nul\0inside"}}, "VALIDATION_FAILED", "filter.title"),
        ({"filter": {"title": "x" * 201}}, "VALIDATION_FAILED", "filter.title"),
        ({"filter": {"publishedById": "\0" * 34}}, "INVALID_ID", "filter.publishedById"),
        ({"filter": {"publishedFrom": "2300-01-01T00:00:00Z"}}, "VALIDATION_FAILED", "filter.publishedFrom"),
        ({"by": {"field": "TITLE"}}, "GRAPHQL_VALIDATION_FAILED", None),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_asked_of_versions_is_told(
    school: School, asked: dict[str, object], code: str, field: str | None
) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    reply = await school.ask(LISTED, {"id": id_, "first": 1, **asked})
    assert (reply.code, reply.field) == (code, field)
