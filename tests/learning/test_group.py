import asyncio
from typing import Any

import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, HarkaError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import group, group_member
from harka.learning.group import MOST_LEVELS, GroupChanges
from harka.repositories.group import Group


async def made(academy: Academy, name: str = "Team", below: Group | None = None) -> Group:
    async with academy.work() as work:
        return await group.create(work, name=name, parent_id=None if below is None else below.id)


async def chain(academy: Academy, length: int) -> list[Group]:
    """Each below the one before it."""
    groups: list[Group] = []
    for _ in range(length):
        groups.append(await made(academy, below=groups[-1] if groups else None))
    return groups


async def moved(academy: Academy, what: Group, below: Group | None, *, version: int = 1) -> Group:
    async with academy.work() as work:
        changes = GroupChanges(parent_id=None if below is None else below.id)
        return await group.update(work, what.id, changes, version=version)


async def ways(academy: Academy) -> set[tuple[str, str, int]]:
    return {
        (row["ancestor_id"], row["descendant_id"], row["distance"])
        for row in await academy.rows("user_group_path")
    }


async def expected_ways(academy: Academy) -> set[tuple[str, str, int]]:
    """Worked out from the parents alone; ends only where the parents make no cycle."""
    parents = {row["id"]: row["parent_id"] for row in await academy.rows("user_group")}
    found = set()
    for id_ in parents:
        above, distance = id_, 0
        while above is not None:
            assert distance < len(parents), "a cycle"
            found.add((above, id_, distance))
            above, distance = parents[above], distance + 1
    return found


async def test_a_tree_is_grown_and_rearranged(academy: Academy, rival: Academy) -> None:
    a, b, c, d = await chain(academy, 4)
    foreign = await made(rival)
    other = await made(academy, " أدا 👩‍💻 ")
    assert other.name == "أدا 👩‍💻"
    assert await ways(academy) == await expected_ways(academy)
    # c takes d along, b stays below a
    assert (await moved(academy, c, other)).parent_id == other.id
    # tree, group, place, cut, put, write
    assert academy.statements == 6
    assert await ways(academy) == await expected_ways(academy)
    assert (str(other.id), str(d.id), 2) in await ways(academy)
    assert (await moved(academy, c, None, version=2)).parent_id is None
    assert await ways(academy) == await expected_ways(academy)
    assert (str(a.id), str(b.id), 1) in await ways(academy)
    assert await ways(rival) == {(str(foreign.id), str(foreign.id), 0)}


async def test_nothing_comes_below_itself(academy: Academy) -> None:
    groups = await chain(academy, 3)
    state = await academy.state()
    for below in groups:
        with pytest.raises(ValidationError) as caught:
            await moved(academy, groups[0], below)
        assert caught.value.field == "parentId"
    assert await academy.state() == state


async def test_moves_at_once_make_no_cycle(academy: Academy) -> None:
    """Each below the next, all around: one of them must be refused."""
    groups = [await made(academy) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(moved(academy, each, groups[n - 1]) for n, each in enumerate(groups)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["Group"] * 3, "ValidationError"]
    assert await ways(academy) == await expected_ways(academy)


async def test_the_tree_is_no_deeper_than_it_may(academy: Academy) -> None:
    deep = await chain(academy, MOST_LEVELS)
    pair = await chain(academy, 2)
    state = await academy.state()
    with pytest.raises(ValidationError) as caught:
        await made(academy, below=deep[-1])
    assert caught.value.field == "parentId"
    with pytest.raises(ValidationError):
        await moved(academy, pair[0], deep[-2])
    assert await academy.state() == state
    await moved(academy, pair[0], deep[-3])


async def test_a_group_is_renamed(academy: Academy) -> None:
    one = await made(academy)
    async with academy.work() as work:
        renamed = await group.update(work, one.id, GroupChanges(name="Board"), version=1)
    # hold, write
    assert academy.statements == 2
    assert (renamed.name, renamed.version, renamed.parent_id) == ("Board", 2, None)
    state = await academy.state()
    with pytest.raises(ConflictError):
        await moved(academy, one, None)
    async with academy.work() as work:
        with pytest.raises(ConflictError):
            await group.delete(work, one.id, version=1)
    assert await academy.state() == state


@pytest.mark.parametrize("name", ["", " ", "a\0", "a\nb", "x" * 201, "\ud800"])
async def test_a_name_that_cannot_be_is_refused(academy: Academy, name: str) -> None:
    one = await made(academy)
    state = await academy.state()
    for act in (
        lambda work: group.create(work, name=name),
        lambda work: group.update(work, one.id, GroupChanges(name=name), version=1),
    ):
        with pytest.raises(ValidationError) as caught:
            async with academy.work() as work:
                await act(work)
        assert caught.value.field == "name"
    assert await academy.state() == state


async def test_only_a_group_with_none_below_is_deleted(academy: Academy) -> None:
    above, below = await chain(academy, 2)
    person = await academy.user()
    async with academy.work() as work:
        await group_member.add(work, below.id, [person.id])
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await group.delete(work, above.id)
    for each in (below, above):
        async with academy.work() as work:
            await group.delete(work, each.id)
    for table in ("user_group", "user_group_path", "user_group_member"):
        assert await academy.rows(table) == []
    assert [row["id"] for row in await academy.rows('"user"')] == [str(person.id)]


async def test_what_is_not_here_is_not_found(academy: Academy, rival: Academy) -> None:
    own, foreign = await made(academy), await made(rival)
    state, rivals = await academy.state(), await rival.state()
    for id_ in (new_id(), foreign.id):
        for act in (
            lambda work, id_=id_: group.update(work, id_, GroupChanges(name="x"), version=1),
            lambda work, id_=id_: group.update(work, own.id, GroupChanges(parent_id=id_), version=1),
            lambda work, id_=id_: group.create(work, name="x", parent_id=id_),
            lambda work, id_=id_: group.delete(work, id_),
        ):
            with pytest.raises(NotFoundError):
                async with academy.work() as work:
                    await act(work)
    async with academy.work(read_only=True) as work:
        assert await group.find_many(work, [foreign.id]) == {}
        assert await group.pages_by_parent(work, [foreign.id], first=9) == {}
    assert (await academy.state(), await rival.state()) == (state, rivals)


@pytest.mark.parametrize("who", ["learner", "instructor", "manager"])
async def test_only_administrators_change_groups(academy: Academy, who: str) -> None:
    one, context = await made(academy), academy.acting(await academy.user(who))
    state = await academy.state()
    error: type[HarkaError] = ForbiddenError
    acts: list[Any] = [
        lambda work: group.create(work, name="x"),
        lambda work: group.update(work, one.id, GroupChanges(name="x"), version=1),
        lambda work: group.delete(work, one.id),
    ]
    if who == "learner":
        acts += [
            lambda work: group.list_page(work, after=None, first=1),
            group.count,
            lambda work: group.pages_by_parent(work, [one.id], first=1),
            lambda work: group.count_by_parent(work, [one.id]),
        ]
    for act in acts:
        with pytest.raises(error):
            async with academy.work(context) as work:
                await act(work)
        assert academy.statements == 0
    assert await academy.state() == state
