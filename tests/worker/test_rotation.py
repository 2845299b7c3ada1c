import asyncio

from harka.ids import new_id
from harka.worker.rotation import Rotation


async def test_everybody_gets_a_turn_before_anybody_gets_two() -> None:
    rotation, (busy, calm, late) = Rotation(), (new_id(), new_id(), new_id())
    for _ in range(100):
        rotation.add(busy)
    rotation.add(calm)
    turns = []
    for _ in range(4):
        tenant = await rotation.take()
        assert tenant is not None
        turns.append(tenant)
        rotation.add(tenant)
        rotation.add(late)

    assert turns == [busy, calm, busy, late]
    assert len(rotation) == 3


async def test_a_turn_is_waited_for() -> None:
    rotation, tenant = Rotation(), new_id()
    waiting = [asyncio.create_task(rotation.take()) for _ in range(3)]
    await asyncio.sleep(0)

    rotation.add(tenant)
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [tenant]
    assert len(pending) == 2

    rotation.close()
    assert await asyncio.gather(*pending) == [None, None]


async def test_after_closing_nobody_gets_a_turn() -> None:
    rotation = Rotation()
    rotation.add(new_id())

    rotation.close()

    assert await rotation.take() is None
