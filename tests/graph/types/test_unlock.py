from harka.ids import NodeKind
from harka.learning import unlock
from harka.learning.unlock import UnlockRules
from school import School

OUTLINE = """query ($id: ID!) { course(id: $id) { modules { title isLocked lock { opensAt missing { title } }
  lessons { isLocked lock { missing { title } } } } } }"""
RECORD = """mutation ($input: RecordProgressInput!) { recordProgress(input: $input) {
  errors { code field } lessonProgress { fraction } } }"""


async def locked(school: School) -> None:
    """The second module of the first course, until the first is completed."""
    begin, end = dict.fromkeys(each.module_id for each in school.lessons[school.courses[0].id])
    async with school.work() as work:
        await unlock.set_rules(work, end, UnlockRules(requires=[begin]), version=1)


async def test_a_locked_module_is_seen_with_the_reason_for_whoever_asks(school: School) -> None:
    await locked(school)
    given = {"id": school.id(NodeKind.COURSE, school.courses[0])}
    reply = await school.ask(OUTLINE, given, caller=school.learner)
    lock = {"missing": [{"title": "Begin"}]}
    assert reply.data["course"]["modules"] == [
        {
            "title": "Begin",
            "isLocked": False,
            "lock": None,
            "lessons": [{"isLocked": False, "lock": None}] * 2,
        },
        {
            "title": "End",
            "isLocked": True,
            "lock": {"opensAt": None, **lock},
            "lessons": [{"isLocked": True, "lock": lock}] * 2,
        },
    ]
    # the course, its modules, their lessons, the locks of both, and the module that is missing
    assert reply.statements == 5
    seen = await school.ask(OUTLINE, given, caller=school.owner)
    assert [each["isLocked"] for each in seen.data["course"]["modules"]] == [False, False]


async def test_progress_in_a_locked_lesson_is_refused_by_code(school: School) -> None:
    await locked(school)
    course = school.courses[0]
    given = {
        "enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, course)),
        "lessonId": school.id(NodeKind.LESSON, school.lessons[course.id][2]),
        "fraction": 1.0,
    }
    reply = await school.ask(RECORD, {"input": given}, caller=school.learner)
    assert (reply.code, reply.field) == ("LESSON_LOCKED", "lessonId")
