from harka.ids import NodeKind
from school import School

TAGGED = """mutation ($course: ID!, $version: Int!, $tags: [ID!]!) {
  setCourseTags(input: {courseId: $course, version: $version, tagIds: $tags}) {
    course { version tags { name } } errors { code field } } }"""


async def test_tags_are_made_given_and_looked_for(school: School) -> None:
    made = await school.ask(
        """mutation { a: createTag(input: {name: "new"}) { tag { id name version } errors { code } }
        b: createTag(input: {name: "SHORT"}) { tag { id } errors { code field } } }"""
    )
    new = made.data["a"]["tag"]
    assert new["version"] == 1
    assert made.data["b"] == {"tag": None, "errors": [{"code": "VALIDATION_FAILED", "field": "name"}]}
    course, old = school.id(NodeKind.COURSE, school.courses[0]), school.id(NodeKind.TAG, school.tag)
    values = {"course": course, "version": 1, "tags": [new["id"], old]}
    given = (await school.ask(TAGGED, values)).data["setCourseTags"]
    assert given == {"course": {"version": 2, "tags": [{"name": "Short"}, {"name": "new"}]}, "errors": []}
    assert (await school.ask(TAGGED, values)).code == "CONFLICT"
    asked = """query ($tag: ID!) { courses(first: 9, filter: {tagId: $tag}) {
      totalCount nodes { id courseVersion category { name } tags { id } } }
      tags(first: 1) { totalCount nodes { name } pageInfo { hasNextPage } } tag(id: $tag) { name } }"""
    found = (await school.ask(asked, {"tag": new["id"]}, caller=school.learner)).data
    assert found["courses"]["nodes"] == [
        {"id": course, "courseVersion": 1, "category": None, "tags": [{"id": old}, {"id": new["id"]}]}
    ]
    assert found["tags"] == {
        "totalCount": 2,
        "nodes": [{"name": "Short"}],
        "pageInfo": {"hasNextPage": True},
    }
    assert found["tag"] == {"name": "new"}


async def test_a_tag_is_renamed_and_deleted(school: School) -> None:
    id_ = school.id(NodeKind.TAG, school.tag)
    reply = await school.ask(
        """mutation ($id: ID!) {
        updateTag(input: {id: $id, version: 1, name: "Brief"}) { tag { name version } }
        deleteTag(input: {tagId: $id, version: 2}) { deletedTagId } }""",
        {"id": id_},
    )
    assert reply.data == {
        "updateTag": {"tag": {"name": "Brief", "version": 2}},
        "deleteTag": {"deletedTagId": id_},
    }
    assert (await school.ask("query ($id: ID!) { tag(id: $id) { id } }", {"id": id_})).data == {"tag": None}
