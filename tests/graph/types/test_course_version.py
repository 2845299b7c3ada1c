from harka.ids import NodeKind
from harka.learning import course
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
