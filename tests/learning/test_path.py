from collections.abc import Sequence
from typing import Any

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import course, path, path_enrollment
from harka.learning.path import MOST_COURSES, PathChanges, PathDraft
from harka.repositories.course import Course
from harka.repositories.path import LearningPath


async def made(academy: Academy, *of: Course, published: bool = False, **draft: Any) -> LearningPath:
    given = PathDraft(title="Way", course_ids=[each.id for each in of], **draft)
    async with academy.work() as work:
        created = await path.create(work, given)
        return await path.publish(work, created.id) if published else created


async def changed(academy: Academy, what: LearningPath, **changes: Any) -> LearningPath:
    async with academy.work() as work:
        return await path.update(work, what.id, PathChanges(**changes), version=what.version)


async def titles(academy: Academy, *of: LearningPath) -> list[list[str]]:
    async with academy.work(read_only=True) as work:
        found = await path.courses_by_path(work, [each.id for each in of])
    assert academy.statements <= 2
    return [[each.code for each in found.get(one.id, [])] for one in of]


def codes(courses: Sequence[Course]) -> list[str]:
    return [each.code for each in courses]


async def test_a_path_is_written_published_and_archived(academy: Academy) -> None:
    one, two, three = [await academy.course() for _ in range(3)]
    way = await made(academy, two, one)
    assert (way.status, way.is_sequential, way.required_count, way.version) == ("draft", True, None, 1)
    way = await changed(
        academy, way, title=" Way أ 🎓 ", course_ids=[three.id, two.id], required_count=1, is_sequential=False
    )
    assert (way.title, way.required_count, way.is_sequential, way.version) == ("Way أ 🎓", 1, False, 2)
    assert await titles(academy, way) == [codes([three, two])]
    assert await academy.rows("job") == []
    async with academy.work() as work:
        way = await path.publish(work, way.id, version=2)
        assert await path.publish(work, way.id) == way
    assert (way.status, way.version) == ("published", 3)
    way = await changed(academy, way, required_count=None)
    assert [job["type"] for job in await academy.rows("job")] == ["path.recount"], "one waits for both"
    async with academy.work() as work:
        archived = await path.archive(work, way.id)
        assert await path.archive(work, way.id) == archived
    assert (archived.status, archived.published_at) == ("archived", way.published_at)
    with pytest.raises(ConflictError):
        await changed(academy, archived, title="X")
    async with academy.work() as work:
        assert (await path.publish(work, way.id)).archived_at is None


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"description": "x" * 10_001}, "description"),
        ({"required_count": 0}, "requiredCount"),
        ({"required_count": 2}, "requiredCount"),
        ({"course_ids": "twice"}, "courseIds"),
        ({"course_ids": "many"}, "courseIds"),
    ],
)
async def test_what_cannot_be_a_path_is_refused(academy: Academy, draft: dict[str, Any], field: str) -> None:
    of = await academy.course()
    lists = {"twice": [of.id, of.id], "many": [new_id() for _ in range(MOST_COURSES + 1)]}
    given = {"title": "Way", **draft, "course_ids": lists.get(draft.get("course_ids", ""), [of.id])}
    way = await made(academy, of)
    before = await academy.state()
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await path.create(work, PathDraft(**given))
    assert refused.value.field == field
    with pytest.raises(ValidationError) as refused:
        await changed(academy, way, **given)
    assert refused.value.field == field
    assert await academy.state() == before


async def test_courses_that_are_not_here_are_refused(academy: Academy, rival: Academy) -> None:
    way, foreign = await made(academy), await rival.course()
    before = await academy.state()
    for id_ in (foreign.id, new_id()):
        with pytest.raises(NotFoundError):
            await changed(academy, way, course_ids=[id_])
    assert await academy.state() == before


async def test_a_path_is_published_when_it_can_be_walked(academy: Academy) -> None:
    empty, draft = await made(academy), await made(academy, await academy.course(published=False))
    for way in (empty, draft):
        with pytest.raises(ValidationError):
            async with academy.work() as work:
                await path.publish(work, way.id)
    walked = await made(academy, await academy.course(), published=True)
    with pytest.raises(ValidationError):
        await changed(academy, walked, course_ids=[])


async def test_another_version_conflicts_and_an_unknown_path_is_not_there(academy: Academy) -> None:
    way = await made(academy, await academy.course())
    before = await academy.state()
    for version, id_, error in ((7, way.id, ConflictError), (1, new_id(), NotFoundError)):
        with pytest.raises(error):
            async with academy.work() as work:
                await path.update(work, id_, PathChanges(title="X"), version=version)
        with pytest.raises(error):
            async with academy.work() as work:
                await path.publish(work, id_, version=version)
        with pytest.raises(error):
            async with academy.work() as work:
                await path.archive(work, id_, version=version)
    assert await academy.state() == before


async def test_learners_see_published_paths_and_those_they_are_on(academy: Academy) -> None:
    of, hidden = await academy.course(), await academy.course()
    somebody = await academy.user()
    shown, draft, closed = (
        await made(academy, of, hidden, published=True),
        await made(academy, of),
        await made(academy, of, published=True),
    )
    async with academy.work() as work:
        await path_enrollment.enroll(work, path_id=closed.id, user_id=somebody.id)
        await path.archive(work, closed.id)
        await course.archive(work, hidden.id)
    other = academy.acting(await academy.user())
    for reader, ids in (
        (academy.operator, [shown.id, draft.id, closed.id]),
        (academy.acting(somebody), [shown.id, closed.id]),
        (other, [shown.id]),
    ):
        async with academy.work(reader, read_only=True) as work:
            listed = await path.list_page(work, after=None, first=9)
            found = await path.find_many(work, [shown.id, draft.id, closed.id])
            assert {each.id for each in listed} == set(found) == set(ids)
            assert await path.count(work) == len(ids)
    async with academy.work(other, read_only=True) as work:
        assert await path.list_page(work, after=None, first=9, status="archived") == []
        of_path = await path.courses_by_path(work, [shown.id])
        assert [each.id for each in of_path[shown.id]] == [of.id]


async def test_only_authors_write_paths(academy: Academy) -> None:
    way, instructor = await made(academy, await academy.course()), await academy.user("instructor")
    before = await academy.state()
    async with academy.work(academy.acting(instructor)) as work:
        for attempt in (
            lambda: path.create(work, PathDraft(title="X")),
            lambda: path.update(work, way.id, PathChanges(title="X"), version=1),
            lambda: path.publish(work, way.id),
            lambda: path.archive(work, way.id),
        ):
            with pytest.raises(ForbiddenError):
                await attempt()
    assert await academy.state() == before
