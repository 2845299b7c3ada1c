from typing import Any

import pytest

from academy import Academy
from harka.errors import ForbiddenError
from harka.ids import new_id
from harka.learning import group, group_list
from harka.repositories.group import GroupFilter
from harka.repositories.group_list import Tie
from harka.tenancy.permission import Permission
from learning.test_group_member import add, made


async def test_the_groups_of_many_people_come_in_two_statements(academy: Academy) -> None:
    teams = sorted([await made(academy) for _ in range(3)], key=lambda team: team.id)
    one, other = await academy.user(), await academy.user()
    for team in teams:
        await add(academy, team, one.id)
    await add(academy, teams[2], other.id)
    async with academy.work(read_only=True) as work:
        found = await group_list.groups_by_user(work, Tie.MEMBER, [one.id, other.id, new_id()], first=2)
    assert academy.statements == 2
    assert found == {one.id: teams[:2], other.id: teams[2:]}
    async with academy.work(read_only=True) as work:
        rest = await group_list.page_of_user(
            work, Tie.MEMBER, one.id, after=(teams[1].id, teams[1].id), first=2
        )
        assert rest == teams[2:]
        assert await group_list.count_by_user(work, Tie.MEMBER, [one.id, other.id]) == {
            one.id: 3,
            other.id: 1,
        }


async def test_learners_see_which_groups_they_are_in_and_nothing_more(academy: Academy) -> None:
    team, other = await made(academy), await made(academy)
    me, colleague = await academy.user(), await academy.user()
    await add(academy, team, me.id, colleague.id)
    await add(academy, other, colleague.id)
    both, groups = [me.id, colleague.id], [team.id, other.id]
    async with academy.work(academy.acting(me), read_only=True) as work:
        assert await group_list.groups_by_user(work, Tie.MEMBER, both, first=9) == {me.id: [team]}
        after = (team.id, team.id)
        assert await group_list.page_of_user(work, Tie.MEMBER, me.id, after=after, first=9) == []
        assert await group_list.count_by_user(work, Tie.MEMBER, both) == {me.id: 1}
        assert await group.find_many(work, groups) == {team.id: team}
    async with academy.work(academy.acting(me), read_only=True) as work:
        assert await group_list.groups_by_user(work, Tie.MEMBER, [colleague.id], first=9) == {}
        assert await group_list.count_by_user(work, Tie.MEMBER, [colleague.id]) == {}
    assert academy.statements == 0
    program = academy.key(*(set(Permission) - {Permission.USER_READ}))
    acts: list[Any] = [
        lambda work: group_list.groups_by_user(work, Tie.MEMBER, [me.id], first=9),
        lambda work: group_list.count_by_user(work, Tie.MEMBER, [me.id]),
        lambda work: group.find_many(work, groups),
    ]
    for act in acts:
        with pytest.raises(ForbiddenError):
            async with academy.work(program, read_only=True) as work:
                await act(work)


@pytest.mark.parametrize("is_top", [True, False])
async def test_whether_a_group_is_below_another_is_for_who_may_see_that(
    academy: Academy, *, is_top: bool
) -> None:
    team, me = await made(academy), await academy.user()
    await add(academy, team, me.id)
    only, after = GroupFilter(is_top=is_top), (new_id(), new_id())
    acts: list[Any] = [
        lambda work: group_list.groups_by_user(work, Tie.MEMBER, [me.id], only, first=9),
        lambda work: group_list.page_of_user(work, Tie.MEMBER, me.id, only, after=after, first=9),
        lambda work: group_list.count_by_user(work, Tie.MEMBER, [me.id], only),
    ]
    for act in acts:
        with pytest.raises(ForbiddenError):
            async with academy.work(academy.acting(me), read_only=True) as work:
                await act(work)
    async with academy.work(read_only=True) as work:
        assert await group_list.count_by_user(work, Tie.MEMBER, [me.id], only) == (
            {me.id: 1} if is_top else {}
        )
