import pytest

from harka.ids import NodeKind
from harka.learning import course as courses
from harka.learning import user as users
from harka.learning.user import UserDraft
from harka.queue.message import RECOUNT_COURSE
from harka.repositories import job as jobs
from harka.repositories.job import JobState
from harka.tenancy.permission import Permission
from school import School

CREATE = """mutation Create($input: CreateCourseInput!) { createCourse(input: $input) {
  clientMutationId errors { code field }
  course { id code slug title status version modules { title lessons { title kind weight } } } } }"""
LESSONS = [{"title": "One", "kind": "VIDEO", "weight": 2.5}, {"title": "Two"}]
UPDATE = """mutation Update($input: UpdateCourseInput!) { updateCourse(input: $input) {
  clientMutationId errors { code field } course { title description version } } }"""
PUBLISH = (
    "mutation ($input: PublishCourseInput!) {"
    " publishCourse(input: $input) { errors { code field } course { status version } } }"
)
ARCHIVE = (
    "mutation ($input: ArchiveCourseInput!) { archiveCourse(input: $input) { course { status archivedAt } } }"
)


async def count(school: School) -> int:
    async with school.work() as work:
        return await courses.count(work)


async def test_a_course_is_written_with_its_outline(school: School) -> None:
    given = {
        "title": "  Algebra ",
        "code": "ALG 1",
        "modules": [
            {
                "title": "Begin",
                "lessons": [{"title": "One", "kind": "VIDEO", "weight": 2.5}, {"title": "Two"}],
            }
        ],
        "clientMutationId": "mine",
    }
    reply = await school.ask(CREATE, {"input": given})
    made = reply.data["createCourse"]
    id_ = made["course"].pop("id")
    assert made == {
        "clientMutationId": "mine",
        "errors": [],
        "course": {
            "code": "ALG 1",
            "slug": "alg-1",
            "title": "Algebra",
            "status": "DRAFT",
            "version": 1,
            "modules": [
                {
                    "title": "Begin",
                    "lessons": [
                        {"title": "One", "kind": "VIDEO", "weight": 2.5},
                        {"title": "Two", "kind": "READING", "weight": 1.0},
                    ],
                }
            ],
        },
    }
    # three inserts; modules and lessons read back
    assert reply.statements == 5
    kept = await school.ask("query ($id: ID!) { node(id: $id) { ... on Course { title } } }", {"id": id_})
    assert kept.data["node"] == {"title": "Algebra"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "", "code": "X"}, "title"),
        ({"title": "X" * 201, "code": "X"}, "title"),
        ({"title": "X\0", "code": "X"}, "title"),
        ({"title": "X", "code": "X", "slug": "Not A Slug"}, "slug"),
        ({"title": "X", "code": "X", "modules": [{"title": " "}]}, "modules.0.title"),
    ],
)
async def test_what_cannot_be_a_course_is_refused_by_field(
    school: School, given: dict[str, object], field: str
) -> None:
    before = await count(school)
    reply = await school.ask(CREATE, {"input": given})
    assert reply.data["createCourse"]["course"] is None
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
    assert await count(school) == before


async def test_a_code_that_is_taken_is_refused(school: School) -> None:
    reply = await school.ask(CREATE, {"input": {"title": "X", "code": school.courses[0].code}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "code")


async def test_only_what_is_given_changes(school: School) -> None:
    course = school.courses[0]
    given = {"id": school.id(NodeKind.COURSE, course), "version": 1, "description": "New"}
    reply = await school.ask(UPDATE, {"input": given})
    assert reply.data["updateCourse"]["course"] == {"title": course.title, "description": "New", "version": 2}
    assert reply.statements == 1


async def test_a_stale_version_is_a_conflict(school: School) -> None:
    given = {"id": school.id(NodeKind.COURSE, school.courses[0]), "version": 7, "title": "New"}
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"


@pytest.mark.parametrize("written", ["literal", "variable"])
async def test_a_value_cannot_be_taken_away(school: School, written: str) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    if written == "literal":
        given = f'{{id: "{id_}", version: 1, title: null}}'
        reply = await school.ask(f"mutation {{ updateCourse(input: {given}) {{ errors {{ code field }} }} }}")
    else:
        reply = await school.ask(UPDATE, {"input": {"id": id_, "version": 1, "title": None}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "title")
    assert reply.statements == 0


async def test_publishing_needs_a_lesson_and_is_done_once(school: School) -> None:
    made = (await school.ask(CREATE, {"input": {"title": "X", "code": "EMPTY"}})).data["createCourse"][
        "course"
    ]
    assert (await school.ask(PUBLISH, {"input": {"id": made["id"]}})).code == "VALIDATION_FAILED"
    id_ = school.id(NodeKind.COURSE, school.draft)
    for _ in range(2):
        reply = await school.ask(PUBLISH, {"input": {"id": id_}})
        assert reply.data["publishCourse"]["course"] == {"status": "PUBLISHED", "version": 2}


async def test_publishing_leaves_the_recount_to_a_job(school: School) -> None:
    await school.ask(PUBLISH, {"input": {"id": school.id(NodeKind.COURSE, school.draft)}})
    async with school.work() as work:
        waiting = await jobs.count(work.session, state=JobState.QUEUED, type_=RECOUNT_COURSE)
    assert waiting == 1


async def test_an_archived_course_is_closed(school: School) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    reply = await school.ask(ARCHIVE, {"input": {"id": id_}})
    assert reply.data["archiveCourse"]["course"]["status"] == "ARCHIVED"
    assert (await school.ask(UPDATE, {"input": {"id": id_, "version": 2, "title": "New"}})).code == "CONFLICT"


@pytest.mark.parametrize("caller", ["learner", "instructor", "key"])
async def test_who_may_not_write_courses_changes_nothing(school: School, caller: str) -> None:
    before = await count(school)
    others = [each for each in Permission if each is not Permission.COURSE_WRITE]
    reply = await school.ask(
        CREATE,
        {"input": {"title": "X", "code": "X"}},
        caller=others if caller == "key" else getattr(school, caller),
    )
    assert (reply.code, reply.statements) == ("FORBIDDEN", 0)
    assert await count(school) == before


async def test_a_course_with_seats_takes_no_more(school: School) -> None:
    document = """mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) {
      errors { code field } course { seats version } } }"""
    given = {"id": school.id(NodeKind.COURSE, school.courses[0]), "version": 1}
    reply = await school.ask(document, {"input": {**given, "seats": 3}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "seats")
    reply = await school.ask(document, {"input": {**given, "seats": 4}})
    assert reply.data["updateCourse"]["course"] == {"seats": 4, "version": 2}
    enroll = """mutation ($input: EnrollInput!) { enroll(input: $input) { errors { code field } created } }"""
    async with school.work() as work:
        new = await users.create(work, UserDraft(email="new@example.com", name="New"))
    given = {"courseId": given["id"], "userId": school.id(NodeKind.USER, new)}
    reply = await school.ask(enroll, {"input": given})
    assert (reply.code, reply.field) == ("COURSE_FULL", "courseId")
    reply = await school.ask(enroll, {"input": {**given, "userId": school.id(NodeKind.USER, school.learner)}})
    assert reply.data["enroll"]["created"] is False
    reply = await school.ask(document, {"input": {"id": given["courseId"], "version": 2, "seats": None}})
    assert reply.data["updateCourse"]["course"]["seats"] is None


async def test_a_new_course_with_seats(school: School) -> None:
    document = """mutation ($input: CreateCourseInput!) { createCourse(input: $input) {
      errors { code field } course { seats } } }"""
    reply = await school.ask(document, {"input": {"title": "X", "code": "SEATS", "seats": 12}})
    assert reply.data["createCourse"]["course"] == {"seats": 12}
    reply = await school.ask(document, {"input": {"title": "X", "code": "NONE", "seats": 0}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "seats")


async def test_what_completes_a_course(school: School) -> None:
    document = """mutation ($input: CreateCourseInput!) { createCourse(input: $input) { errors { code field }
      course { id completionPercent modules { lessons { required } } } } }"""
    modules = [{"title": "M", "lessons": [{"title": "A", "required": True}, {"title": "B"}]}]
    given = {"title": "X", "code": "RULE", "completionPercent": 60, "modules": modules}
    made = (await school.ask(document, {"input": given})).data["createCourse"]["course"]
    assert made.pop("id")
    assert made == {
        "completionPercent": 60,
        "modules": [{"lessons": [{"required": True}, {"required": False}]}],
    }
    document = """mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) {
      errors { code field } course { completionPercent } } }"""
    given = {"id": school.id(NodeKind.COURSE, school.courses[0]), "version": 1}
    for percent in (101, None):
        reply = await school.ask(document, {"input": {**given, "completionPercent": percent}})
        assert (reply.code, reply.field) == ("VALIDATION_FAILED", "completionPercent")
    reply = await school.ask(document, {"input": {**given, "completionPercent": 0}})
    assert reply.data["updateCourse"]["course"] == {"completionPercent": 0}
