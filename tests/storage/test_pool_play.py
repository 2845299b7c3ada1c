"""A pool's bookkeeping, in every order of events, on connections that are none."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harka.storage.pool import Pool, Waiting
from harka.storage.wire import Wire
from storage.asking import later


class Nothing:
    """As much of a connection as a pool asks for."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, **_: object) -> None:
        self.closed = True


class Link:
    def __init__(self) -> None:
        self.connection = Nothing()
        self.idle_since = 0.0


class Play:
    """Whoever holds a connection, or waits for one."""

    def __init__(self, size: int, share: int) -> None:
        self.pool = Pool(self._connect, size=size, share=share)
        self.tasks: list[asyncio.Task[Wire]] = []

    async def _connect(self) -> Any:
        await asyncio.sleep(0)
        return Link()

    def lent(self) -> list[Wire]:
        return [task.result() for task in self.tasks if task.done() and not task.cancelled()]

    def acquire(self, which: int) -> None:
        """By nobody in particular, or by one of two, on one of two shards."""
        holder, shard = (b"", b"a", b"b")[which % 3], ("x", "y")[which % 2]
        self.tasks.append(asyncio.create_task(self.pool.acquire(later(), holder, shard)))

    def charge(self, which: int) -> None:
        for wire in self.lent()[which : which + 1]:
            self.pool.charge(wire, "x")

    def cancel(self, which: int) -> None:
        for task in self.tasks[which : which + 1]:
            task.cancel()

    def lose(self, which: int) -> None:
        for wire in self.lent()[which : which + 1]:
            wire.connection.terminate()

    def release(self, which: int) -> None:
        for wire in self.lent()[which : which + 1]:
            self._forget(wire)
            self.pool.release(wire)

    def discard(self, which: int) -> None:
        for wire in self.lent()[which : which + 1]:
            self._forget(wire)
            self.pool.discard(wire)

    def _forget(self, wire: Wire) -> None:
        held = [task for task in self.tasks if task.done() and not task.cancelled() and task.result() is wire]
        self.tasks.remove(held[0])

    def left_waiting(self) -> list[Waiting]:
        """Who might be served, while there is room."""
        pool = self.pool
        if not pool._not_lent():
            return []
        return [
            each
            for each in pool._waiters
            if not each.done() and pool._may_hold(each.holder) and pool._may_be_on(each.shard)
        ]

    async def end(self) -> None:
        """Give everything back, until nobody waits."""
        async with asyncio.timeout(5):
            while self.tasks:
                for _ in self.lent():
                    self.release(0)
                self.tasks = [task for task in self.tasks if not task.cancelled()]
                await asyncio.sleep(0)


EVENTS = [
    *("acquire", "acquire", "acquire", "release", "release", "charge", "discard", "cancel", "lose", "wait"),
    "wait",
]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 4)), max_size=60),
)
def test_no_room_is_lost_whatever_happens_in_whatever_order(
    size: int, share: int, events: list[tuple[str, int]]
) -> None:
    async def all_() -> None:
        play = Play(size, share)
        for event, which in events:
            if event == "wait":
                for _ in range(8):
                    await asyncio.sleep(0)
                assert not play.left_waiting()
            else:
                getattr(play, event)(which)
            lent = play.lent()
            assert len(set(lent)) == len(lent) <= size
            assert play.pool.get_size() + len(play.pool._opening) <= size
            assert all(held <= share for held in play.pool._held.values())
            lent_on = [shard for _, shard in (*play.pool._used.values(), *play.pool._opening.values())]
            assert sum(play.pool._of_shard.values()) <= len(lent_on)
            assert all(0 <= held <= size for held in play.pool._of_shard.values())
        await play.end()
        assert not play.pool.used
        assert not play.pool._held
        assert not any(play.pool._of_shard.values())
        assert not play.pool._waiters
        everything = [await play.pool.acquire(later()) for _ in range(size)]
        assert play.pool.used == set(everything)
        await play.pool.close(0.0)

    asyncio.run(all_())
