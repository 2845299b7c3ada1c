import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from academy import Academy
from harka.learning import completion, progress, user
from harka.learning.completion import CompletionEntry
from harka.learning.progress import ProgressEntry
from harka.learning.user import UserDraft
from harka.onboarding import export
from harka.onboarding.export import PARTS

AT: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


async def rows(content: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    pieces = [piece async for piece in content]
    return [json.loads(line) for line in b"".join(pieces).splitlines()]


async def test_everything_a_tenant_has_is_written(academy: Academy, rival: Academy) -> None:
    course, ada = await academy.course(weights=(1, 3)), await academy.user()
    lessons = await academy.lessons(course)
    enrollment = await academy.enrollment(ada, course)
    await rival.enrollment(await rival.user(), await rival.course())
    async with academy.work() as work:
        entries = [
            ProgressEntry(enrollment_id=enrollment.id, lesson_id=lesson.id, fraction=0.5)
            for lesson in lessons
        ]
        await progress.record_many(work, entries)
    bob = await academy.user()
    passed = await academy.enrollment(bob, course)
    async with academy.work() as work:
        entry = CompletionEntry(enrollment_id=passed.id, completed_at=AT, score=88.5)
        assert await completion.complete_many(work, [entry]) == 1

    async with academy.work(read_only=True) as work:
        written = {name: await rows(read(work)) for name, read in PARTS.items()}

    assert [row["code"] for row in written["courses.jsonl"]] == [course.code]
    outline = written["courses.jsonl"][0]["modules"]
    assert [[lesson["weight"] for lesson in module["lessons"]] for module in outline] == [[1.0, 3.0]]
    assert [row["email"] for row in written["users.jsonl"]] == [ada.email, bob.email]
    assert [(row["user_id"], row["progress"], row["status"]) for row in written["enrollments.jsonl"]] == [
        (str(ada.id), 0.5, "active"),
        (str(bob.id), 0.0, "completed"),
    ]
    assert {row["lesson_id"] for row in written["lesson_progress.jsonl"]} == {
        str(each.id) for each in lessons
    }
    (completed,) = written["completions.jsonl"]
    assert (completed["enrollment_id"], completed["score"]) == (str(passed.id), 88.5)
    assert datetime.fromisoformat(completed["completed_at"]) == AT


async def test_a_list_longer_than_a_page_is_whole_and_in_order(academy: Academy) -> None:
    drafts = [UserDraft(email=f"{number}@example.com", name="Ada") for number in range(2 * export.PAGE)]
    async with academy.work() as work:
        made = await user.create_many(work, drafts)

    async with academy.work(read_only=True) as work:
        written = await rows(export.users(work))
        pages = work.session.statements

    ordered = sorted(made, key=lambda each: (each.created_at, each.id))
    assert [row["id"] for row in written] == [str(each.id) for each in ordered]
    assert pages == 3


async def test_a_tenant_with_nothing_writes_nothing(academy: Academy) -> None:
    async with academy.work(read_only=True) as work:
        assert [await rows(read(work)) for read in PARTS.values()] == [[]] * len(PARTS)
