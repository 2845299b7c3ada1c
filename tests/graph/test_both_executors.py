"""The schema's own queries through both executors, over HTTP: the same status and the same bytes.

What is asked is written at random from the schema (`documents.py`), each time the same. A failure names the
number of its document, which is made anew from that alone.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from speaker import unhurried

from documents import Asked, Writer
from harka.codec import from_json, json_bytes
from harka.graph import batch, schema
from harka.ids import NodeKind
from harka.learning import assignment
from harka.learning.assignment import AssignmentDraft
from harka.repositories.user import User
from harka.tenancy.permission import Permission
from school import School

pytestmark = pytest.mark.compiled

DOCUMENTS = 120
CHANGING = {"analytics", "asOf", "quota"}
"""Fields that tell something else each time."""
Caller = User | Sequence[Permission] | None


def callers(school: School) -> list[Caller]:
    return [
        tuple(Permission),
        (Permission.COURSE_READ,),
        school.owner,
        school.instructor,
        school.learner,
        school.other,
        None,
    ]


async def handed_in(school: School) -> list[str]:
    """The ids of an assignment for which the learner has handed something in."""
    of = school.courses[0]
    async with school.work() as work:
        asked = await assignment.create(work, school.lessons[of.id][0].id, AssignmentDraft(title="Essay"))
    given = {
        "enrollmentId": school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, of)),
        "assignmentId": school.id(NodeKind.ASSIGNMENT, asked),
        "text": "Mine",
    }
    text = (
        "mutation ($input: SubmitAssignmentInput!) { submitAssignment(input: $input) { clientMutationId } }"
    )
    await school.ask(text, {"input": given}, caller=school.learner)
    return [given["assignmentId"]]


def writer(school: School, number: int, cursors: Sequence[str], assignments: Sequence[str] = ()) -> Writer:
    def ids(kind: NodeKind, rows: Sequence[Any]) -> list[str]:
        return [school.id(kind, row) for row in rows]

    lessons = [lesson for each in school.lessons.values() for lesson in each]
    known = {
        "user": ids(NodeKind.USER, school.people),
        "course": ids(NodeKind.COURSE, [*school.courses, school.draft]),
        "enrollment": ids(NodeKind.ENROLLMENT, school.enrollments),
        "group": ids(NodeKind.GROUP, [school.group]),
        "category": ids(NodeKind.CATEGORY, [school.category]),
        "tag": ids(NodeKind.TAG, [school.tag]),
        "learningPath": ids(NodeKind.LEARNING_PATH, [school.path]),
        "lesson": ids(NodeKind.LESSON, lessons),
        "organization": [school.id(NodeKind.ORGANIZATION, school.organization.id)],
        "assignment": list(assignments),
        "quiz": [school.id(NodeKind.QUIZ, school.quiz)],
        "module": ids(NodeKind.MODULE, sorted({lesson.module_id for lesson in lessons})),
    }
    codes = [course.code for course in school.courses]
    texts = ["", "Course 1", "p1@example.com", "\u202e\U0001f600", "no such", *codes, *cursors]
    return Writer(schema.core(), Random(number), known, texts, CHANGING)  # noqa: S311 - a seed, not a secret


async def answer(school: School, asked: Asked, credentials: Mapping[str, str]) -> tuple[int, bytes]:
    response = await school.send(
        content=json_bytes({"query": asked.document, "variables": asked.variables}),
        headers={"content-type": "application/json", **credentials},
    )
    # each request has an id of its own, which its errors tell
    return response.status_code, re.sub(rb'"requestId":"[0-9a-f]{32}"', b'"requestId":""', response.content)


def cursors_in(value: Any) -> list[str]:
    """Whatever an answer holds that may be sent back as `after`."""
    if isinstance(value, list):
        return [cursor for each in value for cursor in cursors_in(each)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("cursor", "endCursor") if isinstance(value.get(name), str)]
    return own + [cursor for each in value.values() for cursor in cursors_in(each)]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each operation that was executed by its plan: whether that answered it."""
    ran: list[bool] = []
    real = batch.execute

    async def noted(*args: Any, **options: Any) -> Any:
        ran.append(False)
        done = await real(*args, **options)
        ran[-1] = True
        return done

    monkeypatch.setattr(batch, "execute", noted)
    return ran


async def test_every_query_is_answered_alike_by_both_executors(school: School, plans: list[bool]) -> None:
    unhurried_school = school.with_admission(unhurried(school.runtime).admission)
    # what is kept of one's answers would be compared with itself
    compiled, plain = (
        unhurried_school.with_settings(executor=name, cache_answers=False)
        for name in ("compiled", "graphql-core")
    )
    cursors: list[str] = []
    full, assignments = 0, await handed_in(school)
    for number in range(DOCUMENTS):
        asked = writer(school, number, cursors[-20:], assignments).query()
        for caller in callers(school):
            # how much of a processor it took is no answer
            credentials = {**await school.headers(caller), "graphql-cost": "0"}
            status, body = await answer(plain, asked, credentials)
            other_status, other = await answer(compiled, asked, credentials)
            found = from_json(body)
            assert body == other, (number, caller, asked, body, other)
            assert status == other_status, (number, caller, asked)
            full += "errors" not in found
            cursors += cursors_in(found.get("data"))
    # otherwise there is little to compare, or graphql-core was compared with itself
    asked_in_all = DOCUMENTS * len(callers(school))
    assert full > asked_in_all / 6
    assert plans.count(True) > asked_in_all / 6
