from collections.abc import Sequence
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, course_clone, tag
from harka.repositories.course import Course
from harka.repositories.tag import Tag


async def made(academy: Academy, *names: str) -> list[Tag]:
    async with academy.work() as work:
        return [await tag.create(work, name) for name in names]


async def tagged(academy: Academy, what: Course, tags: Sequence[Tag]) -> Course:
    async with academy.work() as work:
        return await tag.set_of_course(work, what.id, [each.id for each in tags], version=what.version)


async def names(academy: Academy, *of: Course) -> list[list[str]]:
    async with academy.work(read_only=True) as work:
        found = await tag.by_course(work, [each.id for each in of])
    return [[each.name for each in found.get(one.id, [])] for one in of]


async def test_a_course_has_the_tags_it_was_given_last(academy: Academy) -> None:
    long, short, new = await made(academy, "long", "short", "new")
    one, other = await academy.course(), await academy.course()
    one = await tagged(academy, one, [short, long, short])
    assert one.version == 2
    assert await names(academy, one, other) == [["long", "short"], []]
    one = await tagged(academy, one, [new, short])
    other = await tagged(academy, other, [new])
    assert await names(academy, one, other) == [["new", "short"], ["new"]]
    async with academy.work(read_only=True) as work:
        found = await course.list_page(work, after=None, first=9, tag_id=new.id)
        assert {each.id for each in found} == {one.id, other.id}
        assert await course.count(work, tag_id=short.id) == 1
    async with academy.work() as work:
        copy = await course_clone.clone(work, one.id, code="copy")
    assert await names(academy, copy) == [["new", "short"]]


async def test_a_tag_is_renamed_and_deleted(academy: Academy) -> None:
    (long,) = await made(academy, "long")
    of = await tagged(academy, await academy.course(), [long])
    async with academy.work() as work:
        assert (await tag.rename(work, long.id, "LONG", version=1)).version == 2
    assert await names(academy, of) == [["LONG"]]
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await tag.delete(work, long.id, version=1)
    async with academy.work() as work:
        await tag.delete(work, long.id, version=2)
        with pytest.raises(NotFoundError):
            await tag.rename(work, long.id, "X", version=1)
    assert await names(academy, of) == [[]]


async def test_what_is_no_tag_here_is_refused(academy: Academy, rival: Academy) -> None:
    (own,), (foreign,) = await made(academy, "own"), await made(rival, "own")
    of = await academy.course()
    before = await academy.state()
    unknown: list[tuple[list[UUID], type[Exception]]] = [
        ([own.id, foreign.id], NotFoundError),
        ([new_id()], NotFoundError),
        ([new_id() for _ in range(tag.MOST_OF_COURSE + 1)], ValidationError),
    ]
    for ids, error in unknown:
        with pytest.raises(error):
            async with academy.work() as work:
                await tag.set_of_course(work, of.id, ids, version=1)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await tag.set_of_course(work, of.id, [own.id], version=7)
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await tag.create(work, "Own")
    assert await academy.state() == before


async def test_only_authors_write_tags(academy: Academy) -> None:
    (own,), of = await made(academy, "own"), await academy.course()
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    async with academy.work(instructor) as work:
        assert (await tag.find_many(work, [own.id]))[own.id] == own
        for attempt in (
            lambda: tag.create(work, "X"),
            lambda: tag.rename(work, own.id, "X", version=1),
            lambda: tag.delete(work, own.id),
            lambda: tag.set_of_course(work, of.id, [], version=1),
        ):
            with pytest.raises(ForbiddenError):
                await attempt()
    assert await academy.state() == before
