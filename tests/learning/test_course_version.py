"""What courses were each time they were published."""

import asyncio

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError
from harka.learning import course, course_version, lesson
from harka.learning.course import CourseChanges
from harka.learning.lesson import LessonChanges
from harka.repositories.course import Course
from harka.repositories.course_version import CourseVersion


async def versions(academy: Academy, of: Course) -> list[CourseVersion]:
    async with academy.work() as work:
        return list(await course_version.page_of_course(work, of.id, after=None, first=9))


async def test_each_publication_keeps_what_the_course_was(academy: Academy) -> None:
    author, draft = await academy.user("admin"), await academy.course(published=False)
    assert await versions(academy, draft) == []
    async with academy.work(academy.acting(author)) as work:
        await course.publish(work, draft.id)
        # it is published already: nothing is kept
        await course.publish(work, draft.id)
    first, second = await academy.lessons(draft)
    async with academy.work() as work:
        await lesson.update(work, second.id, LessonChanges(title="Other"), version=second.version)
        await course.archive(work, draft.id)
        again = await course.publish(work, draft.id)
    old, new = await versions(academy, draft)
    assert (old.number, old.published_by, new.number, new.published_by) == (1, author.id, 2, None)
    assert (again.course_version, old.course_id) == (2, draft.id)
    async with academy.work() as work:
        modules = await course_version.modules_of(work, [old.id, new.id])
    titles = {id_: [each.title for each in found[0].lessons] for id_, found in modules.items()}
    assert titles == {old.id: ["Lesson 0", "Lesson 1"], new.id: ["Lesson 0", "Other"]}
    kept = modules[old.id][0].lessons[0]
    assert (kept.id, kept.weight, kept.required) == (first.id, first.weight, first.required)


async def test_publishing_an_open_course_anew_keeps_what_it_has_become(academy: Academy) -> None:
    made = await academy.course()
    _, second = await academy.lessons(made)
    for change in (LessonChanges(title="Other"), LessonChanges(weight=2.0)):
        async with academy.work() as work:
            changed = await lesson.update(work, second.id, change, version=second.version)
            again = await course.publish(work, made.id)
            # nothing has changed since
            assert await course.publish(work, made.id, version=again.version) == again
            with pytest.raises(ConflictError):
                await course.publish(work, made.id, version=made.version)
        second = changed
    assert (again.status, again.published_at) == ("published", made.published_at)
    assert (again.course_version, again.version) == (3, made.version + 2)
    assert [each.number for each in await versions(academy, made)] == [1, 2, 3]
    published = [row for row in await academy.rows("event") if row["type"] == "course.published"]
    assert len(published) == len(("Other", "weight"))


async def test_authors_at_once_publish_a_change_once(academy: Academy) -> None:
    made = await academy.course()
    async with academy.work() as work:
        await course.update(work, made.id, CourseChanges(description="Other"), version=made.version)

    async def publish() -> None:
        async with academy.work() as work:
            await course.publish(work, made.id)

    await asyncio.gather(*(publish() for _ in range(4)))
    assert [(each.number, each.description) for each in await versions(academy, made)] == [
        (1, made.description),
        (2, "Other"),
    ]


async def test_what_is_made_published_is_kept_and_a_draft_is_not(academy: Academy) -> None:
    made, draft = await academy.course(), await academy.course(published=False)
    (kept,) = await versions(academy, made)
    assert (kept.number, kept.title, kept.version) == (1, made.title, 1)
    async with academy.work() as work:
        assert await course_version.count_by_course(work, [made.id, draft.id]) == {made.id: 1}


async def test_others_than_authors_read_none(academy: Academy, rival: Academy) -> None:
    made, learner = await academy.course(), await academy.user()
    (kept,) = await versions(academy, made)
    async with academy.work(academy.acting(learner)) as work:
        for refused in (
            course_version.find_many(work, [kept.id]),
            course_version.pages_by_course(work, [made.id], first=1),
            course_version.count_by_course(work, [made.id]),
            course_version.modules_of(work, [kept.id]),
        ):
            with pytest.raises(ForbiddenError):
                await refused
    async with rival.work() as work:
        assert list((await course_version.find_many(work, [kept.id])).values()) == []
        assert await course_version.modules_of(work, [kept.id]) == {}
        assert await course_version.page_of_course(work, made.id, after=None, first=1) == []
