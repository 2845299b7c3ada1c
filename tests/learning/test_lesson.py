import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError, ValidationError
from harka.learning import course, lesson, module, progress
from harka.learning.course import CourseDraft
from harka.learning.lesson import LessonChanges
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.repositories.course import Course
from harka.repositories.lesson import Lesson

MODULES = (
    ModuleOutline("One", (LessonOutline("1.1"), LessonOutline("1.2"))),
    ModuleOutline("Two", (LessonOutline("2.1"),)),
)


async def made(academy: Academy, *, published: bool) -> Course:
    async with academy.work() as work:
        draft = CourseDraft(title="A", code="A", modules=MODULES, published=published)
        return await course.create(work, draft)


async def test_lessons_come_in_the_order_of_the_outline(academy: Academy) -> None:
    created = await made(academy, published=True)

    async with academy.work(academy.acting(await academy.user()), read_only=True) as work:
        of_course = (await lesson.by_course(work, [created.id]))[created.id]
        modules = list({each.module_id: None for each in of_course})
        of_modules = await lesson.by_module(work, modules)
        by_id = await lesson.find_many(work, [each.id for each in of_course])

    assert academy.statements == 3
    assert [each.title for each in of_course] == ["1.1", "1.2", "2.1"]
    assert [[each.title for each in of_modules[id_]] for id_ in modules] == [["1.1", "1.2"], ["2.1"]]
    assert by_id == {each.id: each for each in of_course}


async def test_lessons_are_hidden_with_their_course(academy: Academy, rival: Academy) -> None:
    draft = await made(academy, published=False)
    lessons = await academy.lessons(draft)
    hidden_from = [(academy, academy.acting(await academy.user())), (rival, rival.operator)]

    for tenant, context in hidden_from:
        async with tenant.work(context, read_only=True) as work:
            assert await lesson.by_course(work, [draft.id]) == {}
            assert await lesson.by_module(work, [each.module_id for each in lessons]) == {}
            assert await lesson.find_many(work, [each.id for each in lessons]) == {}


async def test_lessons_are_not_for_the_anonymous(academy: Academy) -> None:
    async with academy.work(academy.anonymous(), read_only=True) as work:
        with pytest.raises(UnauthenticatedError):
            await lesson.find_many(work, [])


async def titles(academy: Academy, of: Course) -> list[str]:
    """In order; the places have no gaps."""
    found = await academy.lessons(of)
    places: dict[UUID, list[int]] = {}
    for each in found:
        places.setdefault(each.module_id, []).append(each.position)
    assert all(taken == list(range(len(taken))) for taken in places.values())
    return [each.title for each in found]


async def test_a_new_lesson_comes_last_and_counts(academy: Academy) -> None:
    of = await made(academy, published=True)
    enrolled = await academy.enrollment(await academy.user(), of)
    first = (await academy.lessons(of))[0]
    async with academy.work() as work:
        await progress.record(work, enrollment_id=enrolled.id, lesson_id=first.id, fraction=1.0)
    async with academy.work() as work:
        added = await lesson.create(work, first.module_id, LessonOutline("1.3", "video", 5))
    # the module, the course held, the module touched, a count, the lesson, the job
    assert academy.statements == 6
    assert (added.position, added.kind, added.duration_minutes) == (2, "video", 5)
    assert await titles(academy, of) == ["1.1", "1.2", "1.3", "2.1"]
    async with academy.work() as work:
        assert await progress.recount(work, of.id) == 1
    assert [row["progress"] for row in await academy.rows("enrollment")] == [0.25]


async def test_only_what_is_given_changes_and_minutes_can_be_taken_away(academy: Academy) -> None:
    of = await made(academy, published=True)
    first = (await academy.lessons(of))[0]
    async with academy.work() as work:
        changed = await lesson.update(work, first.id, LessonChanges(duration_minutes=7), version=1)
    assert (changed.title, changed.duration_minutes, academy.statements) == ("1.1", 7, 3)
    async with academy.work() as work:
        changed = await lesson.update(work, first.id, LessonChanges(title="New"), version=2)
        assert (changed.title, changed.duration_minutes) == ("New", 7)
        changed = await lesson.update(work, first.id, LessonChanges(duration_minutes=None), version=3)
    assert changed.duration_minutes is None
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await lesson.update(work, first.id, LessonChanges(title="X"), version=3)


async def test_another_weight_works_progress_out_again(academy: Academy) -> None:
    of = await made(academy, published=True)
    first = (await academy.lessons(of))[0]
    jobs = len(await academy.rows("job"))
    async with academy.work() as work:
        await lesson.update(work, first.id, LessonChanges(title="New", weight=1), version=1)
    assert len(await academy.rows("job")) == jobs
    async with academy.work() as work:
        await lesson.update(work, first.id, LessonChanges(weight=2), version=2)
    assert len(await academy.rows("job")) == jobs + 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (LessonChanges(title=" "), "title"),
        (LessonChanges(title="X" * 201), "title"),
        (LessonChanges(kind="dance"), "kind"),
        (LessonChanges(duration_minutes=-1), "durationMinutes"),
        (LessonChanges(weight=float("nan")), "weight"),
        (LessonChanges(weight=-1), "weight"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(
    academy: Academy, changes: LessonChanges, field: str
) -> None:
    first = (await academy.lessons(await made(academy, published=True)))[0]
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await lesson.update(work, first.id, changes, version=1)
    assert (refused.value.field, academy.statements) == (field, 0)


async def test_lessons_are_put_into_order(academy: Academy) -> None:
    of = await made(academy, published=True)
    one, two, other = await academy.lessons(of)
    async with academy.work() as work:
        assert (await lesson.reorder(work, one.module_id, [two.id, one.id], version=1)).version == 2
    # the module, the course held, the module touched, the order
    assert academy.statements == 4
    assert await titles(academy, of) == ["1.2", "1.1", "2.1"]
    before = await academy.state()
    wrong: list[Sequence[Lesson]] = [[], [one], [one, one], [one, two, other], [one, other]]
    for lessons in wrong:
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await lesson.reorder(work, one.module_id, [each.id for each in lessons], version=2)
        assert refused.value.field == "lessonIds"
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await lesson.reorder(work, one.module_id, [one.id, two.id], version=1)
    assert await academy.state() == before


async def test_what_learners_have_done_is_kept_unless_it_may_go(academy: Academy) -> None:
    of = await made(academy, published=True)
    enrolled = await academy.enrollment(await academy.user(), of)
    one, two, three = await academy.lessons(of)
    async with academy.work() as work:
        for each in (one, two):
            await progress.record(work, enrollment_id=enrolled.id, lesson_id=each.id, fraction=1.0)
    before = await academy.state()
    with pytest.raises(ConflictError) as refused:
        async with academy.work() as work:
            await lesson.delete(work, one.id, version=1)
    assert (refused.value.field, await academy.state()) == ("withProgress", before)
    async with academy.work() as work:
        await lesson.delete(work, one.id, version=1, with_progress=True)
    # the lesson, the course, the module, the lesson held, gone, the job
    assert academy.statements == 6
    assert await titles(academy, of) == ["1.2", "2.1"]
    async with academy.work() as work:
        await lesson.delete(work, three.id, version=1)
        await progress.recount(work, of.id)
    # what is left of the course is done
    (row,) = await academy.rows("enrollment")
    assert (row["progress"], row["status"], len(await academy.rows("completion"))) == (1, "completed", 1)


async def test_a_published_course_keeps_a_lesson(academy: Academy) -> None:
    of = await academy.course(weights=(1, 1))
    lessons = await academy.lessons(of)

    async def remove(each: Lesson) -> None:
        async with academy.work() as work:
            await lesson.delete(work, each.id, version=1)

    done = await asyncio.gather(*map(remove, lessons), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["ConflictError", "NoneType"]
    assert len(await academy.lessons(of)) == 1


async def test_progress_and_removal_at_once_leave_no_trace_of_each_other(academy: Academy) -> None:
    """Either the lesson is gone before, or it is kept for the progress: nobody meets a broken key."""
    of = await academy.course(weights=(1, 1, 1))
    enrolled = await academy.enrollment(await academy.user(), of)
    gone = (await academy.lessons(of))[0]

    async def record() -> None:
        async with academy.work() as work:
            await progress.record(work, enrollment_id=enrolled.id, lesson_id=gone.id, fraction=1.0)

    async def remove() -> None:
        async with academy.work() as work:
            await lesson.delete(work, gone.id, version=1)

    done = await asyncio.gather(record(), remove(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) in (
        ["ConflictError", "NoneType"],
        ["NoneType", "NotFoundError"],
    )


async def test_an_archived_course_keeps_its_lessons(academy: Academy) -> None:
    of = await academy.course()
    lessons = await academy.lessons(of)
    one = lessons[0]
    async with academy.work() as work:
        await course.archive(work, of.id)
    before = await academy.state()
    for change in (
        lambda work: lesson.create(work, one.module_id, LessonOutline("X")),
        lambda work: lesson.update(work, one.id, LessonChanges(title="X"), version=1),
        lambda work: lesson.reorder(work, one.module_id, [each.id for each in lessons], version=1),
        lambda work: lesson.delete(work, one.id, version=1),
    ):
        with pytest.raises(ConflictError, match="archived"):
            async with academy.work() as work:
                await change(work)
    assert await academy.state() == before


async def test_who_may_not_write_courses_or_is_elsewhere_changes_nothing(
    academy: Academy, rival: Academy
) -> None:
    one = (await academy.lessons(await academy.course()))[0]
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context, error in (
        (academy, instructor, ForbiddenError),
        (rival, rival.operator, NotFoundError),
    ):
        for change in (
            lambda work: lesson.create(work, one.module_id, LessonOutline("X")),
            lambda work: lesson.update(work, one.id, LessonChanges(title="X"), version=1),
            lambda work: lesson.reorder(work, one.module_id, [one.id], version=1),
            lambda work: lesson.delete(work, one.id, version=1),
        ):
            with pytest.raises(error):
                async with where.work(context) as work:
                    await change(work)
    assert await academy.state() == before


async def test_a_lesson_is_moved_to_another_module(academy: Academy) -> None:
    created = await made(academy, published=True)
    first, second, third = await academy.lessons(created)
    enrolled = await academy.enrollment(await academy.user(), created)
    async with academy.work() as work:
        await progress.record(work, enrollment_id=enrolled.id, lesson_id=first.id, fraction=1)
        moved = await lesson.move(work, first.id, third.module_id, version=1, position=0)
    assert (moved.module_id, moved.position, moved.version) == (third.module_id, 0, 2)
    places = {each.title: (each.module_id, each.position) for each in await academy.lessons(created)}
    assert places == {
        "1.2": (second.module_id, 0),
        "1.1": (third.module_id, 0),
        "2.1": (third.module_id, 1),
    }
    async with academy.work() as work:
        last = await lesson.move(work, second.id, third.module_id, version=2)
        modules = await module.find_many(work, [second.module_id, third.module_id])
        assert len(await progress.by_enrollment(work, [enrolled.id])) == 1
    assert last.position == 2
    assert {each.version for each in modules.values()} == {3}


@pytest.mark.parametrize(
    ("target", "position", "version", "error"),
    [
        ("own", None, 1, ValidationError),
        ("foreign course", None, 1, ValidationError),
        ("nothing", None, 1, NotFoundError),
        ("other", 2, 1, ValidationError),
        ("other", -1, 1, ValidationError),
        ("other", None, 2, ConflictError),
    ],
)
async def test_a_lesson_is_moved_only_where_it_can_be(
    academy: Academy, target: str, position: int | None, version: int, error: type[Exception]
) -> None:
    first, _, third = await academy.lessons(await made(academy, published=True))
    (stranger, *_) = await academy.lessons(await academy.course())
    places = {
        "own": first.module_id,
        "other": third.module_id,
        "foreign course": stranger.module_id,
        "nothing": first.id,
    }
    before = await academy.state()
    with pytest.raises(error):
        async with academy.work() as work:
            await lesson.move(work, first.id, places[target], version=version, position=position)
    assert await academy.state() == before
