import asyncio
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import group, group_list, group_member
from harka.learning.group_member import MOST_MEMBERS
from harka.repositories.group import Group
from harka.repositories.group_list import Tie


async def made(academy: Academy) -> Group:
    async with academy.work() as work:
        return await group.create(work, name="Team")


async def add(academy: Academy, to: Group, *ids: UUID) -> int:
    async with academy.work() as work:
        return (await group_member.add(work, to.id, ids))[1]


async def remove(academy: Academy, of: Group, *ids: UUID) -> int:
    async with academy.work() as work:
        return (await group_member.remove(work, of.id, ids))[1]


async def test_people_come_and_go_whatever_their_number_in_as_many_statements(academy: Academy) -> None:
    team = await made(academy)
    people = sorted([(await academy.user()).id for _ in range(5)])
    assert await add(academy, team, people[0]) == 1
    one = academy.statements
    assert await add(academy, team, *people, *people) == 4
    # hold, who is here, put
    assert academy.statements == one == 3
    async with academy.work(read_only=True) as work:
        listed = await group_list.people_by_group(work, Tie.MEMBER, [team.id], first=3)
        rest = await group_list.page_of_group(
            work, Tie.MEMBER, team.id, after=(people[2], people[2]), first=9
        )
        assert await group_list.count_by_group(work, Tie.MEMBER, [team.id, new_id()]) == {team.id: 5}
    assert [user.id for user in (*listed[team.id], *rest)] == people
    assert await remove(academy, team, *people[:2], new_id()) == 2
    # hold, take
    assert academy.statements == 2
    assert await remove(academy, team, people[0]) == 0
    assert len(await academy.rows("user_group_member")) == 3


async def test_one_who_is_not_here_keeps_all_out(academy: Academy, rival: Academy) -> None:
    team, foreign_team = await made(academy), await made(rival)
    own, foreign = await academy.user(), await rival.user()
    state, rivals = await academy.state(), await rival.state()
    for to, ids in ((team, [own.id, foreign.id]), (team, [own.id, new_id()]), (foreign_team, [own.id])):
        with pytest.raises(NotFoundError):
            await add(academy, to, *ids)
    with pytest.raises(NotFoundError):
        await remove(academy, foreign_team, own.id)
    assert (await academy.state(), await rival.state()) == (state, rivals)


async def test_more_than_a_thousand_are_refused(academy: Academy) -> None:
    team = await made(academy)
    for act in (add, remove):
        with pytest.raises(ValidationError) as caught:
            await act(academy, team, *[new_id()] * (MOST_MEMBERS + 1))
        assert (caught.value.field, academy.statements) == ("userIds", 0)


async def test_writers_at_once_neither_wait_for_each_other_nor_count_twice(academy: Academy) -> None:
    team = await made(academy)
    people = [(await academy.user()).id for _ in range(6)]
    counts = await asyncio.gather(
        add(academy, team, *people), add(academy, team, *reversed(people)), add(academy, team, *people[3:])
    )
    assert sum(counts) == 6


@pytest.mark.parametrize("who", ["learner", "instructor", "manager"])
async def test_only_administrators_put_people_into_groups(academy: Academy, who: str) -> None:
    team, person = await made(academy), await academy.user(who)
    state = await academy.state()
    acts: list[Any] = [
        lambda work: group_member.add(work, team.id, [person.id]),
        lambda work: group_member.remove(work, team.id, [person.id]),
    ]
    if who == "learner":
        acts += [
            lambda work: group_list.people_by_group(work, Tie.MEMBER, [team.id], first=1),
            lambda work: group_list.count_by_group(work, Tie.MEMBER, [team.id]),
        ]
    for act in acts:
        with pytest.raises(ForbiddenError):
            async with academy.work(academy.acting(person)) as work:
                await act(work)
        assert academy.statements == 0
    assert await academy.state() == state
