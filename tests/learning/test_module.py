from academy import Academy
from harka.learning import course, module
from harka.learning.course import CourseDraft
from harka.learning.outline import ModuleOutline
from harka.repositories.course import Course


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
