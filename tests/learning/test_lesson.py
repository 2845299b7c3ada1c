import pytest

from academy import Academy
from harka.errors import UnauthenticatedError
from harka.learning import course, lesson
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.repositories.course import Course

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
