"""Who makes room when too many bodies are still to come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from harka.errors import OverloadedError
from harka.ids import new_id
from harka.tenancy.bodies import Bodies

ONE, OTHER, THIRD = new_id(), new_id(), new_id()


class Crowd:
    """Bodies that never come, by the order in which they began."""

    def __init__(self, most: int) -> None:
        self.bodies = Bodies(most)
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, organization: UUID, *, is_known: bool = False) -> None:
        self.tasks.append(asyncio.create_task(self._read(organization, is_known=is_known)))
        for _ in range(5):
            # who makes room hears of it in one turn of the loop, and ends in another
            await asyncio.sleep(0)

    async def _read(self, organization: UUID, *, is_known: bool) -> None:
        async with self.bodies.reading(organization, is_known=is_known):
            await asyncio.Event().wait()

    @property
    def refused(self) -> list[int]:
        over = [place for place, task in enumerate(self.tasks) if task.done()]
        assert all(isinstance(self.tasks[place].exception(), OverloadedError) for place in over)
        return over


@asynccontextmanager
async def crowd(most: int) -> AsyncIterator[Crowd]:
    made = Crowd(most)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert (made.bodies.under_way, made.bodies._crowds) == (0, {})


async def test_of_one_organization_the_oldest_makes_room_and_of_others_nobody() -> None:
    async with crowd(8) as made:
        for organization in (OTHER, ONE, ONE, ONE):
            await made.begin(organization)
        assert (made.refused, made.bodies.under_way) == ([1], 3)
        await made.begin(ONE)
        assert (made.refused, made.bodies.under_way) == ([1, 2], 3)


async def test_strangers_elsewhere_send_nobody_away_who_is_known() -> None:
    async with crowd(16) as made:
        for _ in range(3):
            await made.begin(ONE, is_known=True)
        for _ in range(20):
            await made.begin(new_id())
        assert made.refused == [*range(3, 10)], "the strangers, the oldest first"


async def test_when_all_are_too_many_the_organization_with_the_most_makes_room() -> None:
    async with crowd(8) as made:
        for organization in (OTHER, ONE, ONE, THIRD, THIRD, *(new_id() for _ in range(3))):
            await made.begin(organization)
        assert made.refused == []
        await made.begin(new_id())
        assert (made.refused, made.bodies.under_way) == ([1], 8)


async def test_strangers_make_room_before_whom_the_organization_knows_and_never_for_strangers() -> None:
    async with crowd(12) as made:
        await made.begin(ONE, is_known=True)
        await made.begin(ONE)
        await made.begin(ONE, is_known=True)
        await made.begin(ONE, is_known=True)
        assert made.refused == [1]
        await made.begin(ONE)
        assert made.refused == [1, 4]
        await made.begin(ONE, is_known=True)
        assert (made.refused, made.bodies.under_way) == ([0, 1, 4], 3)


async def test_another_organizations_stranger_is_no_less_than_whom_the_most_crowded_knows() -> None:
    async with crowd(4) as made:
        bodies = made.bodies
        bodies._most_of_one = 4
        for _ in range(4):
            await made.begin(ONE, is_known=True)
        await made.begin(OTHER)
        assert made.refused == [0]


async def test_what_ends_another_way_is_counted_no_more() -> None:
    bodies = Bodies(4)
    async with bodies.reading(ONE, is_known=False):
        assert bodies.state() == {"bodies": 1}
    with pytest.raises(TimeoutError):
        async with bodies.reading(ONE, is_known=False):
            # not ours: of what is awaited in it
            raise TimeoutError
    assert (bodies.under_way, bodies._crowds) == (0, {})
