import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

import quizzes
from academy import Academy
from harka.errors import ForbiddenError, NotFoundError, ValidationError
from harka.learning import content, course, course_clone, unlock
from harka.learning.content import ContentDraft
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.quiz import QuizDraft
from harka.learning.unlock import UnlockRules
from harka.repositories.course import Course

LATER = datetime(2199, 1, 1, tzinfo=UTC)
NAMES = {"id", "tenant_id", "course_id", "module_id", "lesson_id", "required_id", "quiz_id"}
TIMES = {"created_at", "updated_at"}


async def written(academy: Academy, modules: int = 3) -> Course:
    """Each module has two lessons, the first with two items and a quiz; it requires all modules before it."""
    lessons = LessonOutline("One", "video", 5, 2.5), LessonOutline("Two", weight=0)
    draft = CourseDraft(
        title="Source",
        code=secrets.token_hex(4),
        description="About",
        modules=tuple(ModuleOutline(f"M{n}", lessons) for n in range(modules)),
        published=True,
    )
    async with academy.work() as work:
        made = await course.create(work, draft)
    found = await academy.lessons(made)
    of = list(dict.fromkeys(each.module_id for each in found))
    async with academy.work() as work:
        for each in found[::2]:
            await content.create(work, each.id, ContentDraft(kind="text", title="T", text="words"))
            await content.create(
                work,
                each.id,
                ContentDraft(kind="video", title="V", url="https://a.example", duration_seconds=3),
            )
            await quizzes.write(work, each.id, QuizDraft(title="Q", completes_lesson=True, pass_percent=7))
        for place, module in enumerate(of[1:], 1):
            rules = UnlockRules(requires=of[:place], opens_at=LATER, opens_after_days=place)
            await unlock.set_rules(work, module, rules, version=1)
    return made


async def parts(academy: Academy, of: Course) -> dict[str, list[Any]]:
    """What a course is made of, its ids written as what they name, its versions left out."""
    rows = {
        table: await academy.rows(table)
        for table in (
            *("module", "lesson", "content_item", "module_unlock", "module_prerequisite"),
            *("quiz", "quiz_question"),
        )
    }
    modules = [row for row in rows["module"] if row["course_id"] == str(of.id)]
    names = {row["id"]: row["title"] for row in modules}
    lessons = [row for row in rows["lesson"] if row["module_id"] in names]
    names |= {row["id"]: f"{names[row['module_id']]}.{row['title']}" for row in lessons}
    asked = [row for row in rows["quiz"] if row["lesson_id"] in names]
    names |= {row["id"]: f"{names[row['lesson_id']]}.{row['title']}" for row in asked}
    return {
        table: sorted(
            [
                {
                    key: names.get(value, "") if key in NAMES else value
                    for key, value in row.items()
                    if key not in TIMES | {"version", "id"}
                }
                for row in found
                if (row.get("module_id") or row.get("lesson_id") or row.get("quiz_id") or row["id"]) in names
            ],
            key=repr,
        )
        for table, found in rows.items()
    }


async def test_a_copy_is_made_of_the_same_and_is_a_draft(academy: Academy) -> None:
    source = await written(academy)
    await academy.enrollment(await academy.user(), source)
    before = await parts(academy, source)
    async with academy.work() as work:
        copy = await course_clone.clone(work, source.id, code="COPY")
    assert (copy.title, copy.description, copy.slug, copy.status) == ("Source", "About", "copy", "draft")
    assert (copy.published_at, copy.version) == (None, 1)
    assert await parts(academy, copy) == before == await parts(academy, source)
    assert {table: len(found) for table, found in before.items()} == {
        "module": 3,
        "lesson": 6,
        "content_item": 9,
        "module_unlock": 2,
        "module_prerequisite": 3,
        "quiz": 3,
        "quiz_question": 15,
    }
    assert len(await academy.rows("enrollment")) == 1
    # nothing of the copy is shared with its source
    for table in ("module", "lesson", "content_item", "quiz", "quiz_question"):
        ids = [UUID(row["id"]) for row in await academy.rows(table)]
        assert len(set(ids)) == 2 * len(before[table])


async def test_a_copy_costs_the_same_however_much_it_is(academy: Academy) -> None:
    for modules in (1, 12):
        source = await written(academy, modules)
        async with academy.work() as work:
            await course_clone.clone(work, source.id, code=f"COPY-{modules}")
        assert academy.statements == 3


async def test_of_two_copies_of_one_code_one_is_made_whole_and_the_other_not_at_all(academy: Academy) -> None:
    source = await written(academy)

    async def clone() -> Course:
        async with academy.work() as work:
            return await course_clone.clone(work, source.id, code="COPY")

    done = await asyncio.gather(clone(), clone(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Course", "ValidationError"]
    assert len(await academy.rows("course")) == 2
    assert len(await academy.rows("lesson")) == 12


async def test_an_archived_course_can_be_copied(academy: Academy) -> None:
    source = await written(academy)
    async with academy.work() as work:
        await course.archive(work, source.id)
        copy = await course_clone.clone(work, source.id, code="COPY", slug="a-copy", title="New")
        published = await course.publish(work, copy.id)
    assert (copy.slug, copy.title, published.status) == ("a-copy", "New", "published")


async def test_what_cannot_be_copied_leaves_nothing(academy: Academy, rival: Academy) -> None:
    source = await written(academy)
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context, code, error in (
        (academy, instructor, "X", ForbiddenError),
        (academy, academy.operator, source.code, ValidationError),
        (academy, academy.operator, "\0", ValidationError),
        (rival, rival.operator, "X", NotFoundError),
    ):
        with pytest.raises(error):
            async with where.work(context) as work:
                await course_clone.clone(work, source.id, code=code)
    assert await academy.state() == before
    assert await rival.rows("course") == []
