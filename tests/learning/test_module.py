import asyncio
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, module, progress
from harka.learning.course import CourseDraft
from harka.learning.module import ModuleChanges
from harka.learning.outline import MOST_MODULES, LessonOutline, ModuleOutline
from harka.queue.message import RECOUNT_COURSE
from harka.repositories.course import Course
from harka.repositories.module import Module


async def made(academy: Academy, code: str) -> Course:
    titles = ("One", "Two", "Three")
    async with academy.work() as work:
        return await course.create(
            work, CourseDraft(title=code, code=code, modules=tuple(ModuleOutline(title) for title in titles))
        )


async def test_modules_of_many_courses_come_in_order_in_one_statement(academy: Academy) -> None:
    one, two = await made(academy, "A"), await made(academy, "B")

    async with academy.work(read_only=True) as work:
        found = await module.by_course(work, [one.id, two.id])

    assert academy.statements == 1
    assert {id_: [each.title for each in found[id_]] for id_ in found} == {
        id_: ["One", "Two", "Three"] for id_ in (one.id, two.id)
    }
    assert [each.position for each in found[one.id]] == [0, 1, 2]


async def test_modules_are_hidden_with_their_course(academy: Academy, rival: Academy) -> None:
    draft = await made(academy, "A")
    async with academy.work(read_only=True) as work:
        ids = [each.id for each in (await module.by_course(work, [draft.id]))[draft.id]]
        assert set(await module.find_many(work, ids)) == set(ids)

    async with academy.work(academy.acting(await academy.user()), read_only=True) as work:
        assert await module.by_course(work, [draft.id]) == {}
        assert await module.find_many(work, ids) == {}
    async with rival.work(read_only=True) as work:
        assert await module.by_course(work, [draft.id]) == {}
        assert await module.find_many(work, ids) == {}


async def outline(academy: Academy, of: Course) -> list[Module]:
    async with academy.work(read_only=True) as work:
        return list((await module.by_course(work, [of.id])).get(of.id, []))


async def titles(academy: Academy, of: Course) -> list[str]:
    """In order; the places have no gaps."""
    found = await outline(academy, of)
    assert [each.position for each in found] == list(range(len(found)))
    return [each.title for each in found]


async def version_of(academy: Academy, of: Course) -> int:
    async with academy.work(read_only=True) as work:
        return (await course.find_many(work, [of.id]))[of.id].version


async def test_a_new_module_comes_last_and_gives_its_course_a_new_version(academy: Academy) -> None:
    of = await made(academy, "A")
    async with academy.work() as work:
        added = await module.create(work, of.id, "  Four ")
    assert academy.statements == 3
    assert (added.position, added.title, added.version) == (3, "Four", 1)
    assert await titles(academy, of) == ["One", "Two", "Three", "Four"]
    assert await version_of(academy, of) == 2


async def test_a_course_has_only_so_many_modules(academy: Academy) -> None:
    async with academy.work() as work:
        draft = CourseDraft(title="A", code="A", modules=(ModuleOutline("X"),) * MOST_MODULES)
        of = await course.create(work, draft)
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await module.create(work, of.id, "One more")


async def test_a_title_changes_once_for_a_version(academy: Academy) -> None:
    first = (await outline(academy, await made(academy, "A")))[0]
    async with academy.work() as work:
        changed = await module.update(work, first.id, ModuleChanges(title="New"), version=1)
    assert (changed.title, changed.version, academy.statements) == ("New", 2, 3)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await module.update(work, first.id, ModuleChanges(title="Newer"), version=1)


async def test_modules_are_put_into_order_however_many_in_three_statements(academy: Academy) -> None:
    of = await made(academy, "A")
    one, two, three = [each.id for each in await outline(academy, of)]
    async with academy.work() as work:
        assert (await module.reorder(work, of.id, [three, one, two], version=1)).version == 2
    # the course, the order, whether what a module requires still comes before it
    assert academy.statements == 3
    assert await titles(academy, of) == ["Three", "One", "Two"]


async def test_only_what_has_moved_has_a_new_version(academy: Academy) -> None:
    of = await made(academy, "A")
    one, two, three = [each.id for each in await outline(academy, of)]
    async with academy.work() as work:
        await module.reorder(work, of.id, [two, one, three], version=1)
    assert [each.version for each in await outline(academy, of)] == [2, 2, 1]


async def test_an_order_names_all_modules_and_no_other(academy: Academy) -> None:
    of, other = await made(academy, "A"), await made(academy, "B")
    one, two, three = [each.id for each in await outline(academy, of)]
    foreign = (await outline(academy, other))[0].id
    before = await academy.state()
    wrong: list[list[UUID]] = [[], [one, two], [one, two, three, three], [one, two, foreign]]
    for ids in [*wrong, [one, two, three, foreign], [one, two, new_id()]]:
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await module.reorder(work, of.id, ids, version=1)
        assert refused.value.field == "moduleIds"
    assert await academy.state() == before


async def test_an_order_of_a_list_that_has_changed_is_a_conflict(academy: Academy) -> None:
    of = await made(academy, "A")
    ids = [each.id for each in await outline(academy, of)]
    async with academy.work() as work:
        await module.create(work, of.id, "Four")
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await module.reorder(work, of.id, ids, version=1)


async def test_of_two_orders_at_once_one_wins(academy: Academy) -> None:
    of = await made(academy, "A")
    one, two, three = [each.id for each in await outline(academy, of)]

    async def arrange(ids: list[UUID]) -> None:
        async with academy.work() as work:
            await module.reorder(work, of.id, ids, version=1)

    orders = [three, two, one], [two, one, three]
    done = await asyncio.gather(*map(arrange, orders), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["ConflictError", "NoneType"]
    assert [each.id for each in await outline(academy, of)] == orders[done.index(None)]


async def test_a_module_goes_away_with_its_lessons_and_the_others_move_up(academy: Academy) -> None:
    of = await made(academy, "A")
    one = (await outline(academy, of))[0]
    async with academy.work() as work:
        assert (await module.delete(work, one.id, version=1)).version == 2
    assert await titles(academy, of) == ["Two", "Three"]


async def test_what_learners_have_done_is_kept_unless_it_may_go(academy: Academy) -> None:
    parts = ModuleOutline("A", (LessonOutline("1"),)), ModuleOutline("B", (LessonOutline("2"),))
    async with academy.work() as work:
        of = await course.create(work, CourseDraft(title="A", code="A", modules=parts, published=True))
    enrolled = await academy.enrollment(await academy.user(), of)
    done, other = await academy.lessons(of)
    async with academy.work() as work:
        await progress.record(work, enrollment_id=enrolled.id, lesson_id=done.id, fraction=1.0)
    before = await academy.state()
    with pytest.raises(ConflictError) as refused:
        async with academy.work() as work:
            await module.delete(work, done.module_id, version=1)
    assert (refused.value.field, await academy.state()) == ("withProgress", before)

    async with academy.work() as work:
        await module.delete(work, done.module_id, version=1, with_progress=True)
    # the job too
    assert academy.statements == 6
    assert [job["payload"] for job in await academy.rows("job") if job["type"] == RECOUNT_COURSE] == [
        {"course_id": str(of.id)}
    ]
    async with academy.work() as work:
        assert await progress.recount(work, of.id) == 1
    (row,) = await academy.rows("enrollment")
    assert (row["progress"], row["status"]) == (0, "active")
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await module.delete(work, other.module_id, version=1)


async def test_an_archived_course_keeps_its_modules(academy: Academy) -> None:
    of = await academy.course()
    (only,) = await outline(academy, of)
    async with academy.work() as work:
        await course.archive(work, of.id)
    before = await academy.state()
    for change in (
        lambda work: module.create(work, of.id, "X"),
        lambda work: module.update(work, only.id, ModuleChanges(title="X"), version=1),
        lambda work: module.reorder(work, of.id, [only.id], version=2),
        lambda work: module.delete(work, only.id, version=1),
    ):
        with pytest.raises(ConflictError, match="archived"):
            async with academy.work() as work:
                await change(work)
    assert await academy.state() == before


async def test_who_may_not_write_courses_or_is_elsewhere_changes_nothing(
    academy: Academy, rival: Academy
) -> None:
    of = await made(academy, "A")
    one = (await outline(academy, of))[0]
    before = await academy.state()
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context, error in (
        (academy, instructor, ForbiddenError),
        (rival, rival.operator, NotFoundError),
    ):
        for change in (
            lambda work: module.create(work, of.id, "X"),
            lambda work: module.update(work, one.id, ModuleChanges(title="X"), version=1),
            lambda work: module.reorder(work, of.id, [one.id], version=1),
            lambda work: module.delete(work, one.id, version=1),
        ):
            with pytest.raises(error):
                async with where.work(context) as work:
                    await change(work)
    assert await academy.state() == before
