"""What an organization exported, another imports: exported again, it is the same."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from academy import Academy
from harka.errors import BadRequestError
from harka.learning import (
    assignment,
    category,
    completion,
    content,
    course,
    enrollment,
    group,
    group_member,
    module,
    path,
    path_enrollment,
    progress,
    quiz,
    quiz_attempt,
    quiz_question,
    role,
    submission,
    tag,
    unlock,
    user,
)
from harka.learning.assignment import AssignmentDraft
from harka.learning.completion import CompletionEntry
from harka.learning.content import ContentDraft
from harka.learning.course import CourseChanges, CourseDraft
from harka.learning.enrollment import EnrollmentChanges, EnrollmentEntry
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.path import PathDraft
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_grading import Answer
from harka.learning.quiz_question import QuestionDraft
from harka.learning.submission import SubmissionEntry
from harka.learning.unlock import UnlockRules
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.onboarding.export import PARTS
from harka.onboarding.restore import Restored, restore

AT: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
# whichever a row has tells what it is
NAMES: Final = ("email", "code", "name", "title", "prompt")
# of the writing, not of what is written; a course is published anew
NEW: Final = {"id", "created_at", "updated_at", "version", "published_at", "archived_at", "course_version"}

Written = Mapping[str, bytes]


async def written(academy: Academy) -> Written:
    async with academy.work(read_only=True) as work:
        return {name: b"".join([piece async for piece in read(work)]) for name, read in PARTS.items()}


async def read_in(academy: Academy, given: Written) -> Restored:
    async with academy.work() as work:
        return await restore(work, lambda name: given.get(name, b"").splitlines())


def same(given: Written) -> dict[str, list[str]]:
    """Without what differs by nature: ids are what they are ids of, rows in an order of their own."""
    called: dict[str, str] = {}

    def call(value: Any) -> None:
        if isinstance(value, list):
            for inner in value:
                call(inner)
        elif isinstance(value, dict):
            told = next((value[name] for name in NAMES if name in value), "")
            told = told or f"{value.get('user_id')} {value.get('course_id')} {value.get('status')}"
            called[value.get("id", "")] = f"{told} {value.get('position', '')}"
            call(list(value.values()))

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: plain(inner) for name, inner in value.items() if name not in NEW}
            return {**kept, "user_ids": sorted(kept["user_ids"])} if "user_ids" in kept else kept
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return called.get(value, value) if isinstance(value, str) else value

    rows = {name: [json.loads(line) for line in lines.splitlines()] for name, lines in given.items()}
    call(list(rows.values()))
    # an enrollment is called by the ids of whose it is, and of what
    called.update(
        {id_: " ".join(called.get(word, word) for word in told.split()) for id_, told in called.items()}
    )
    return {
        name: sorted(json.dumps(plain(row), sort_keys=True) for row in found) for name, found in rows.items()
    }


async def furnished(academy: Academy) -> None:
    """Something of everything."""
    async with academy.work() as work:
        helper = await role.create(work, name="Helper", permissions=["course:read"])
        ada, bob, eve = await user.create_many(
            work,
            [
                UserDraft(email="ada@example.com", name="Ada", locale="de"),
                UserDraft(email="bob@example.com", name="Bob", role_id=helper.id),
                UserDraft(email="eve@example.com", name="Eve", role="instructor"),
            ],
        )
        top = await group.create(work, name="North")
        team = await group.create(work, name="Team", parent_id=top.id)
        await group_member.add(work, team.id, [ada.id, bob.id])
        sciences, short = await category.create(work, "Sciences"), await tag.create(work, "Short")
    subject, old = await academy.course(weights=(1, 3)), await academy.course(weights=(1,))
    first, second = await academy.lessons(subject)
    async with academy.work() as work:
        await course.update(work, subject.id, CourseChanges(category_id=sciences.id, seats=9), version=1)
        await tag.set_of_course(work, subject.id, [short.id], version=2)
        asked = await quiz.create(work, first.id, QuizDraft(title="Quiz", pass_percent=50))
        _, untrue = [
            await quiz_question.create(work, asked.id, draft)
            for draft in (
                QuestionDraft(kind="single", prompt="?", options=["a", "b"], correct_choices=[1]),
                QuestionDraft(kind="true_false", prompt="Is it?", is_true=False),
            )
        ]
        await content.create(work, first.id, ContentDraft(kind="text", title="Text", text="Read"))
        await content.create(work, first.id, ContentDraft(kind="quiz", title="Try", quiz_id=asked.id))
        essay = await assignment.create(work, second.id, AssignmentDraft(title="Essay", points=10))
        draft = PathDraft(title="Way", course_ids=[subject.id, old.id], awards_certificate=True)
        way = await path.create(work, draft)
        await path.publish(work, way.id)
    async with academy.work() as work:
        begun, left, done = await enrollment.enroll_many(
            work,
            [
                EnrollmentEntry(user_id=who.id, course_id=of.id, enrolled_at=AT, due_at=AT)
                for who, of in ((ada, subject), (bob, subject), (ada, old))
            ],
        )
        await progress.record(
            work, enrollment_id=begun.id, lesson_id=first.id, fraction=0.5, score=70, occurred_at=AT
        )
        await progress.record(work, enrollment_id=left.id, lesson_id=first.id, fraction=0.25, occurred_at=AT)
        await enrollment.unenroll(work, left.id)
        await enrollment.enroll(work, user_id=bob.id, course_id=subject.id)
        await enrollment.update(work, begun.id, EnrollmentChanges(expires_at=AT + timedelta(days=900)))
        entry = CompletionEntry(enrollment_id=done.id, completed_at=AT, score=88.5)
        await completion.complete_many(work, [entry])
        handed = SubmissionEntry(
            enrollment_id=begun.id,
            assignment_id=essay.id,
            text="Mine",
            submitted_at=AT,
            is_late=False,
            score=8,
            feedback="Well",
            graded_at=AT,
        )
        await submission.record_many(work, [handed])
        await path_enrollment.enroll(work, user_id=ada.id, path_id=way.id)
    async with academy.work(academy.acting(ada)) as work:
        tried = (await quiz_attempt.start(work, enrollment_id=begun.id, quiz_id=asked.id)).attempt
        answers = [Answer(question_id=untrue.id, is_true=False)]
        await quiz_attempt.submit(work, tried.id, answers)
        await quiz_attempt.start(work, enrollment_id=begun.id, quiz_id=asked.id)
    async with academy.work() as work:
        # attempts go on asking it
        await quiz_question.delete(work, untrue.id, version=untrue.version)
        await _locked(work)
        await course.archive(work, old.id)
        await user.deactivate(work, eve.id)


async def _locked(work: UnitOfWork) -> None:
    """A course whose last module opens late, and after the first."""
    modules = tuple(ModuleOutline(name, (LessonOutline(f"In {name}"),)) for name in ("One", "Two"))
    made = await course.create(work, CourseDraft(title="Locked", code="LOCK", modules=modules))
    opened, closed = (await module.by_course(work, [made.id]))[made.id]
    rules = UnlockRules(opens_at=AT, opens_after_days=3, requires=[opened.id])
    await unlock.set_rules(work, closed.id, rules, version=closed.version)


async def test_what_is_exported_is_imported_the_same(academy: Academy, rival: Academy) -> None:
    await furnished(academy)
    given = await written(academy)
    assert all(lines for name, lines in given.items() if name != "files.jsonl")
    done = await read_in(rival, given)
    assert (done.came["users"], done.came["courses"], done.left) == (3, 3, {})
    assert same(await written(rival)) == same(given)
    assert same(await written(academy)) == same(given)


async def test_who_is_there_already_is_the_same_person(academy: Academy, rival: Academy) -> None:
    await furnished(academy)
    async with rival.work() as work:
        known = await user.create(work, UserDraft(email="ADA@example.com", name="Ada of here"))
    await read_in(rival, await written(academy))
    people = {row["email"]: row for row in await rival.rows('"user"')}
    assert set(people) == {"ADA@example.com", "bob@example.com", "eve@example.com"}
    assert people["ADA@example.com"]["name"] == "Ada of here"
    assert {row["user_id"] for row in await rival.rows("learning_path_enrollment")} == {str(known.id)}


@pytest.mark.parametrize("fault", ["cut off", "not there", "of another kind", "below nothing"])
async def test_what_is_no_whole_export_leaves_nothing(academy: Academy, rival: Academy, fault: str) -> None:
    await furnished(academy)
    given = dict(await written(academy))
    match fault:
        case "cut off":
            given["enrollments.jsonl"] = given["enrollments.jsonl"][:-20]
        case "not there":
            del given["users.jsonl"]
        case "of another kind":
            given["courses.jsonl"] = given["tags.jsonl"]
        case _:
            given["groups.jsonl"] = given["groups.jsonl"].splitlines()[1]
    before = await rival.state()
    with pytest.raises(BadRequestError):
        await read_in(rival, given)
    assert await rival.state() == before
