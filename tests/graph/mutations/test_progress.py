from harka.ids import NodeKind
from school import School

RECORD = """mutation ($input: RecordProgressInput!) { recordProgress(input: $input) {
  errors { code field } changed completed clientMutationId lessonProgress { fraction score lesson { id } }
  enrollment { status progress completion { score } lessonProgress { fraction } } } }"""


def given(school: School, fraction: float, *, lesson: int = 0, person: str = "learner") -> dict[str, object]:
    course = school.courses[0]
    enrollment = school.enrollment_of(getattr(school, person), course)
    return {
        "input": {
            "enrollmentId": school.id(NodeKind.ENROLLMENT, enrollment),
            "lessonId": school.id(NodeKind.LESSON, school.lessons[course.id][lesson]),
            "fraction": fraction,
            "score": 80,
        }
    }


async def test_progress_never_goes_backwards(school: School) -> None:
    first = (await school.ask(RECORD, given(school, 1), caller=school.learner)).data["recordProgress"]
    second = (await school.ask(RECORD, given(school, 0.5), caller=school.learner)).data["recordProgress"]
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["enrollment"] == second["enrollment"]
    assert first["enrollment"]["progress"] == 0.25
    assert second["lessonProgress"]["fraction"] == 1


async def test_the_last_lesson_completes_the_course(school: School) -> None:
    done = [
        (await school.ask(RECORD, given(school, 1, lesson=n), caller=school.learner)).data["recordProgress"]
        for n in range(4)
    ]
    assert [each["completed"] for each in done] == [False, False, False, True]
    assert done[-1]["enrollment"]["status"] == "COMPLETED"
    assert done[-1]["enrollment"]["completion"] == {"score": 80}


async def test_somebody_elses_enrollment_is_not_there(school: School) -> None:
    reply = await school.ask(RECORD, given(school, 1, person="other"), caller=school.learner)
    assert reply.code == "NOT_FOUND"
    reply = await school.ask(RECORD, given(school, 1, person="other"), caller=school.owner)
    assert reply.data["recordProgress"]["changed"]


async def test_a_fraction_is_between_nothing_and_everything(school: School) -> None:
    for bad in (-0.1, 1.1, 1e308):
        reply = await school.ask(RECORD, given(school, bad), caller=school.learner)
        assert (reply.code, reply.field) == ("VALIDATION_FAILED", "fraction")


async def test_ids_of_other_kinds_are_refused_before_any_sql(school: School) -> None:
    values = given(school, 1)
    values["input"]["enrollmentId"], values["input"]["lessonId"] = (  # type: ignore[index]  # made above
        values["input"]["lessonId"],  # type: ignore[index]  # made above
        values["input"]["enrollmentId"],  # type: ignore[index]  # made above
    )
    reply = await school.ask(RECORD, values)
    assert (reply.code, reply.field, reply.statements) == ("INVALID_ID", "enrollmentId", 0)
