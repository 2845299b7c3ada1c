from typing import Any

from harka.ids import NodeKind
from harka.learning import course as courses
from harka.learning import progress
from harka.repositories import course as course_rows
from school import School

RECORD = """mutation ($good: RecordProgressInput!, $bad: UpdateCourseInput!) {
  recordProgress(input: $good) { changed } updateCourse(input: $bad) { errors { code } } }"""


def update(school: School, title: str = "New", number: int = 0) -> dict[str, Any]:
    return {"input": {"id": school.id(NodeKind.COURSE, school.courses[number]), "version": 1, "title": title}}


async def title(school: School, number: int = 0) -> str:
    async with school.work() as work:
        return (await course_rows.find_by_ids(work.session, [school.courses[number].id]))[0].title


async def test_a_refused_mutation_undoes_only_itself(school: School) -> None:
    reply = await school.ask(
        """mutation ($a: UpdateCourseInput!, $b: UpdateCourseInput!, $c: CreateCourseInput!) {
          a: updateCourse(input: $a) { course { title } }
          taken: createCourse(input: $c) { errors { code field } course { id } }
          b: updateCourse(input: $b) { course { title } } }""",
        {
            "a": update(school, "A", 0)["input"],
            "b": update(school, "B", 1)["input"],
            "c": {"title": "X", "code": school.courses[0].code},
        },
    )
    assert reply.body["data"] == {
        "a": {"course": {"title": "A"}},
        "taken": {"errors": [{"code": "VALIDATION_FAILED", "field": "code"}], "course": None},
        "b": {"course": {"title": "B"}},
    }
    assert (await title(school, 0), await title(school, 1)) == ("A", "B")


async def test_a_later_mutation_sees_what_an_earlier_one_did(school: School) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    back = "{ course { enrollments(first: 1) { nodes { course { title } } } } }"
    reply = await school.ask(
        f"""mutation {{
          a: updateCourse(input: {{id: "{id_}", version: 1, title: "One"}}) {back}
          b: updateCourse(input: {{id: "{id_}", version: 2, title: "Two"}}) {back} }}"""
    )
    seen = [reply.data[name]["course"]["enrollments"]["nodes"][0]["course"]["title"] for name in "ab"]
    assert seen == ["One", "Two"]


async def test_one_mutation_alone_needs_no_savepoint(school: School) -> None:
    one = await school.ask(
        "mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) { course { title } } }",
        update(school),
    )
    assert one.statements == 1


async def test_the_world_hears_of_what_is_kept_and_of_nothing_else(school: School, monkeypatch: Any) -> None:
    """The second mutation fails after it has said something: only the first one's word counts."""

    async def speak_and_fail(work: Any, *_: Any, **__: Any) -> None:
        work.publish("refused", {})
        work.after_commit(lambda: heard.append("refused"))
        raise progress.ConflictError

    heard: list[str] = []
    course = school.courses[0]
    enrollment = school.enrollment_of(school.learner, course)
    monkeypatch.setattr(courses, "update", speak_and_fail)
    pubsub, tenant = school.runtime.pubsub, school.organization.id
    async with (
        pubsub.subscribe(tenant, f"progress:{enrollment.id}") as kept,
        pubsub.subscribe(tenant, "refused") as refused,
    ):
        reply = await school.ask(
            RECORD,
            {
                "good": {
                    "enrollmentId": school.id(NodeKind.ENROLLMENT, enrollment),
                    "lessonId": school.id(NodeKind.LESSON, school.lessons[course.id][0]),
                    "fraction": 1,
                },
                "bad": update(school)["input"],
            },
        )
        assert reply.code == "CONFLICT"
        assert (await anext(kept)).payload["progress"] == 0.25
        await pubsub.publish(tenant, "refused", {"marker": True})
        assert (await anext(refused)).payload == {"marker": True}
    assert heard == []
