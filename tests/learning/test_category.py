from typing import Any

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import category, course, course_clone
from harka.learning.course import CourseChanges, CourseDraft
from harka.repositories.category import Category
from harka.repositories.course import Course


async def made(academy: Academy, name: str) -> Category:
    async with academy.work() as work:
        return await category.create(work, name)


async def put(academy: Academy, into: Category | None, what: Course) -> Course:
    async with academy.work() as work:
        changes = CourseChanges(category_id=None if into is None else into.id)
        return await course.update(work, what.id, changes, version=what.version)


async def listed(academy: Academy, of: Category) -> list[Any]:
    async with academy.work(read_only=True) as work:
        found = await course.list_page(work, after=None, first=9, category_id=of.id)
        assert await course.count(work, category_id=of.id) == len(found)
        return [each.id for each in found]


async def test_courses_are_sorted_by_categories(academy: Academy) -> None:
    art, science = await made(academy, "Art"), await made(academy, "Science")
    one, other = await academy.course(), await academy.course()
    one = await put(academy, art, one)
    assert await listed(academy, art) == [one.id]
    one = await put(academy, science, one)
    await put(academy, science, other)
    assert (await listed(academy, art), await listed(academy, science)) == ([], [one.id, other.id])
    async with academy.work() as work:
        copy = await course_clone.clone(work, one.id, code="copy")
    assert copy.category_id == science.id
    assert (await put(academy, None, one)).category_id is None


async def test_categories_are_listed_by_name(academy: Academy, rival: Academy) -> None:
    names = ["Zoology", "آداب", "Art 🎨", "Biology"]
    for name in names:
        await made(academy, name)
    await made(rival, "Art 🎨")
    async with academy.work(read_only=True) as work:
        first = await category.list_page(work, after=None, first=3)
        last = first[-1]
        rest = await category.list_page(work, after=(last.name, last.id), first=3)
        assert await category.count(work) == 4
    assert [each.name for each in (*first, *rest)] == sorted(names)


async def test_a_category_is_renamed_and_deleted(academy: Academy) -> None:
    art = await made(academy, " Art ")
    of = await put(academy, art, await academy.course())
    async with academy.work() as work:
        renamed = await category.rename(work, art.id, "Arts", version=1)
    assert (renamed.name, renamed.version) == ("Arts", 2)
    before = await academy.state()
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await category.rename(work, art.id, "X", version=1)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await category.delete(work, art.id, version=1)
    assert await academy.state() == before
    async with academy.work() as work:
        await category.delete(work, art.id, version=2)
        assert (await course.find_many(work, [of.id]))[of.id].category_id is None
        with pytest.raises(NotFoundError):
            await category.delete(work, art.id)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b", "a\nb", "ART"])
async def test_a_name_that_cannot_be_used_is_refused(academy: Academy, name: str) -> None:
    await made(academy, "Art")
    other = await made(academy, "Other")
    before = await academy.state()
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await category.create(work, name)
    assert refused.value.field == "name"
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await category.rename(work, other.id, name, version=1)
    assert await academy.state() == before


async def test_a_course_is_put_into_what_there_is(academy: Academy, rival: Academy) -> None:
    foreign, what = await made(rival, "Art"), await academy.course()
    before = await academy.state()
    for id_ in (foreign.id, new_id()):
        with pytest.raises(NotFoundError) as refused:
            async with academy.work() as work:
                await course.update(work, what.id, CourseChanges(category_id=id_), version=1)
        assert refused.value.field == "categoryId"
        with pytest.raises(NotFoundError):
            async with academy.work() as work:
                await course.create(work, CourseDraft(title="T", code="T", category_id=id_))
    assert await academy.state() == before


async def test_only_authors_write_categories(academy: Academy) -> None:
    art, learner = await made(academy, "Art"), academy.acting(await academy.user("instructor"))
    before = await academy.state()
    async with academy.work(learner) as work:
        assert await category.count(work) == 1
        with pytest.raises(ForbiddenError):
            await category.create(work, "X")
        with pytest.raises(ForbiddenError):
            await category.rename(work, art.id, "X", version=1)
        with pytest.raises(ForbiddenError):
            await category.delete(work, art.id)
    assert await academy.state() == before
