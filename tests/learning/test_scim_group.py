"""Groups that a directory keeps here, by the rules for all."""

import pytest

from academy import Academy, academy, academy_settings, parts
from harka.errors import NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import group_list, scim_group
from harka.learning.scim_group import Change, TooManyMembersError
from harka.repositories.group_list import Tie

__all__ = ["academy", "academy_settings", "parts"]


async def test_steps_are_done_in_their_order(academy: Academy) -> None:
    people = [(await academy.user()).id for _ in range(4)]
    async with academy.work() as work:
        made = await scim_group.create(work, name="Team", external_id="x", members=people[:1])
    async with academy.work() as work:
        held = await scim_group.hold(work, made.id)
        before = await scim_group.membership(work, made.id)
        await scim_group.change(
            work,
            held,
            [
                Change(members=frozenset(people[1:3])),
                Change(added=frozenset(people[3:]), removed=frozenset(people[1:2]), name="Named"),
                Change(external_id=None),
            ],
        )
        after = await scim_group.find(work, made.id)
        members = (await scim_group.members_of(work, [made.id]))[made.id]
        assert (await scim_group.membership(work, made.id)) != before
    assert (after.name, after.external_id) == ("Named", None)
    assert {each.user_id for each in members} == set(people[2:])
    assert after.version > made.version


async def test_who_is_not_here_is_a_wrong_value_and_the_group_another_matter(academy: Academy) -> None:
    async with academy.work() as work:
        with pytest.raises(ValidationError):
            await scim_group.create(work, name="Team", members=[new_id()])
        with pytest.raises(NotFoundError):
            await scim_group.hold(work, new_id())


async def test_more_members_than_are_shown_are_refused(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [(await academy.user()).id for _ in range(3)]
    async with academy.work() as work:
        made = await scim_group.create(work, name="Team", members=people)
        monkeypatch.setattr(scim_group, "MOST_SHOWN", 2)
        with pytest.raises(TooManyMembersError):
            await scim_group.members_of(work, [made.id])
        assert await group_list.count_by_group(work, Tie.MEMBER, [made.id]) == {made.id: 3}
