from harka.ids import NodeKind
from harka.learning import course
from harka.learning.course import CourseChanges
from school import School

ENROLL = """mutation ($input: EnrollViewerInput!) { enrollViewer(input: $input) {
  errors { code field } created
  enrollment { id status version course { selfEnrollment } user { id } } } }"""
LEAVE = """mutation ($input: UnenrollViewerInput!) { unenrollViewer(input: $input) {
  errors { code field } enrollment { status } } }"""


async def test_a_learner_takes_part_and_leaves(school: School) -> None:
    subject = school.courses[2]
    async with school.work() as work:
        changes = CourseChanges(self_enrollment=True)
        await course.update(work, subject.id, changes, version=subject.version)
    given = {"courseId": school.id(NodeKind.COURSE, subject), "dueAt": "2030-01-01T00:00:00Z"}
    done = (await school.ask(ENROLL, {"input": given}, caller=school.learner)).data["enrollViewer"]
    made = done["enrollment"]
    assert (done["errors"], done["created"], made["status"]) == ([], True, "ACTIVE")
    assert (made["course"], made["user"]["id"]) == (
        {"selfEnrollment": True},
        school.id(NodeKind.USER, school.learner),
    )
    late = {"id": made["id"], "version": made["version"] + 1}
    assert (await school.ask(LEAVE, {"input": late}, caller=school.learner)).code == "CONFLICT"
    # of another person's they hear nothing
    assert (await school.ask(LEAVE, {"input": {"id": made["id"]}}, caller=school.other)).code == "NOT_FOUND"
    left = (await school.ask(LEAVE, {"input": {"id": made["id"]}}, caller=school.learner)).data
    assert left["unenrollViewer"] == {"errors": [], "enrollment": {"status": "WITHDRAWN"}}


async def test_a_course_that_is_not_open_to_all(school: School) -> None:
    given = {"courseId": school.id(NodeKind.COURSE, school.courses[2])}
    reply = await school.ask(ENROLL, {"input": given}, caller=school.learner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "courseId")
