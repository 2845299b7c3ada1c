"""Where the room in a line is shown: it follows the line, whoever comes, leaves or gives up."""

import asyncio
import random

import pytest

from harka.tenancy.gate import _ENDLESS
from harka.tenancy.line import Rank
from tenancy.crowd import Crowd
from tenancy.samples import organization


class Shown:
    """What was shown last. `times`: how often."""

    def __init__(self) -> None:
        self.room, self.times = _ENDLESS, 0

    def show(self, room: int) -> None:
        self.room = room
        self.times += 1


async def test_where_nobody_waits_nothing_is_shown() -> None:
    crowd, who, shown = Crowd(most=8), organization("one"), Shown()
    crowd.gate.flow(who).signs[Rank.INTERACTIVE] = shown
    await crowd.come(who, 7)
    await crowd.end_all()
    assert shown.times == 0


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("seed", range(8))
async def test_a_sign_shows_for_how_many_there_is_room(seed: int, others: int) -> None:
    """How long a line may be depends on others, too: it is looked at when the line itself changes."""
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    crowd = Crowd(most=8, patience=1.0)
    gate = crowd.gate
    tenants = [organization(f"t{number}", plan="GROWTH") for number in range(1 + others)]
    signs = [{rank: Shown() for rank in Rank} for _ in tenants]
    for who, own in zip(tenants, signs, strict=True):
        gate.flow(who).signs.update(own)
    least, came = 9, list[asyncio.Task[None]]()
    for _ in range(300):
        what = chance.random()
        if what < 0.6:
            who, rank = chance.choice(tenants), chance.choice(list(Rank))
            came += await crowd.come(who, chance.randrange(1, 4), rank=rank)
        elif what < 0.8:
            await crowd.end()
        else:
            left = [task for task in came if not task.done()]
            if left:
                chance.choice(left).cancel()
                await asyncio.sleep(0)
        for who, own in zip(tenants, signs, strict=True):
            flow = gate.flow(who)
            # what is remembered of a line is what it would be found to be
            longest, flow.longest_at = gate._longest(flow), -1
            assert longest == gate._longest(flow)
            assert {sign.room == _ENDLESS for sign in own.values()} == {not flow.waiting}
            if not others and flow.waiting and gate._room == gate._concurrency.steady:
                assert [own[rank].room for rank in Rank] == [gate.room(flow, rank) for rank in Rank]
            least = min(least, *(sign.room for sign in own.values()))
    assert least == 0
    await crowd.end_all()
    assert {sign.room for own in signs for sign in own.values()} == {_ENDLESS}
