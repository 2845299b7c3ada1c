from typing import Any

from harka.ids import NodeKind, new_id
from school import School

FIELDS = "id title status isSequential requiredCount version courses { id }"
CREATE = f"""mutation ($input: CreateLearningPathInput!) {{
  createLearningPath(input: $input) {{ learningPath {{ {FIELDS} }} errors {{ code field }} }} }}"""
UPDATE = f"""mutation ($input: UpdateLearningPathInput!) {{
  updateLearningPath(input: $input) {{ learningPath {{ {FIELDS} }} errors {{ code field }} }} }}"""
SHOWN = f"""query ($id: ID!) {{ learningPath(id: $id) {{ {FIELDS} }}
  learningPaths(first: 9, status: PUBLISHED) {{ totalCount nodes {{ id courses {{ code }} }} }} }}"""


def courses(school: School) -> list[str]:
    return [school.id(NodeKind.COURSE, each) for each in school.courses]


async def test_a_path_is_written_changed_published_and_archived(school: School) -> None:
    one, two, three = courses(school)
    given: dict[str, Any] = {"title": "Path", "courseIds": [two, one], "isSequential": False}
    made = (await school.ask(CREATE, {"input": given})).data["createLearningPath"]["learningPath"]
    assert made == {
        "id": made["id"],
        "title": "Path",
        "status": "DRAFT",
        "isSequential": False,
        "requiredCount": None,
        "version": 1,
        "courses": [{"id": two}, {"id": one}],
    }
    assert (await school.ask(SHOWN, {"id": made["id"]}, caller=school.learner)).data["learningPath"] is None
    changes = {"id": made["id"], "version": 1, "courseIds": [three, two], "requiredCount": 1}
    changed = (await school.ask(UPDATE, {"input": changes})).data["updateLearningPath"]["learningPath"]
    assert (changed["version"], changed["requiredCount"], changed["isSequential"]) == (2, 1, False)
    assert (await school.ask(UPDATE, {"input": changes})).code == "CONFLICT"
    states = await school.ask(
        """mutation ($id: ID!) {
        a: publishLearningPath(input: {id: $id}) { learningPath { status publishedAt } }
        b: archiveLearningPath(input: {id: $id, version: 3}) { learningPath { status } }
        c: publishLearningPath(input: {id: $id}) { learningPath { status archivedAt } } }""",
        {"id": made["id"]},
    )
    assert [states.data[name]["learningPath"]["status"] for name in "abc"] == [
        "PUBLISHED",
        "ARCHIVED",
        "PUBLISHED",
    ]
    shown = (await school.ask(SHOWN, {"id": made["id"]}, caller=school.learner)).data
    assert shown["learningPath"]["courses"] == [{"id": three}, {"id": two}]
    assert shown["learningPaths"]["totalCount"] == 1


async def test_what_is_wrong_with_a_path_is_told_by_its_field(school: School) -> None:
    one = courses(school)[0]
    for given, code, field in (
        ({"title": ""}, "VALIDATION_FAILED", "title"),
        ({"title": "X", "courseIds": [one, one]}, "VALIDATION_FAILED", "courseIds"),
        ({"title": "X", "courseIds": ["garbage"]}, "INVALID_ID", "courseIds"),
        ({"title": "X", "courseIds": [school.id(NodeKind.COURSE, new_id())]}, "NOT_FOUND", "courseIds"),
        ({"title": "X", "courseIds": [one], "requiredCount": 2}, "VALIDATION_FAILED", "requiredCount"),
    ):
        reply = await school.ask(CREATE, {"input": given})
        assert (reply.code, reply.field) == (code, field), given
    id_ = school.id(NodeKind.LEARNING_PATH, school.path)
    reply = await school.ask(UPDATE, {"input": {"id": id_, "version": 1, "courseIds": None}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "courseIds")


async def test_paths_cost_the_same_however_many_courses_they_have(school: School) -> None:
    counts = []
    for of in (courses(school)[:1], courses(school)):
        made = await school.ask(CREATE, {"input": {"title": "Path", "courseIds": of}})
        counts.append(made.statements)
    listed = await school.ask("{ learningPaths(first: 9) { nodes { courses { code } } } }")
    assert [len(each["courses"]) for each in listed.data["learningPaths"]["nodes"]] == [2, 1, 3]
    assert counts[0] == counts[1]
    # paths, what they lead through, courses
    assert listed.statements == 3
