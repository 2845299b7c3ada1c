"""The trap of every stream with numbers: who takes a number first may commit last."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import InternalError
from harka.ids import new_id
from harka.repositories import event
from harka.repositories.event import IN_LINE, Event, EventType, NewEvent
from harka.repositories.page import Position, position_of
from harka.storage.session import ShardSession, UniqueError, open_session
from harka.storage.statement import Statement

# a transaction that has written something, and so has its number
WRITE = Statement(
    "test.write",
    """INSERT INTO {schema}.event (tenant_id, id, type, subject_id, actor_kind)
    VALUES ($1, $2::uuid, 'user.created', $2::uuid, 'user')""",
)


@asynccontextmanager
async def writing(academy: Academy) -> AsyncIterator[ShardSession]:
    home = academy.organization.location
    session = open_session(academy.parts.databases, home, academy.organization.id, read_only=False, timeout=5)
    try:
        yield session
    finally:
        await session.rollback()


async def read(academy: Academy, after: Position | None = None) -> list[Event]:
    async with academy.work(read_only=True) as work:
        return list(await event.list_page(work.session, after=after, first=100, types=None))


async def settled(academy: Academy, wanted: set[UUID], after: Position | None = None) -> list[Event]:
    """Read until these are there: tests beside this one have transactions under way."""
    while True:
        found = await read(academy, after)
        if wanted <= {each.id for each in found}:
            return found


async def test_an_event_that_is_committed_later_is_never_missed(academy: Academy) -> None:
    """The first writer takes the lower number, the second commits before it: a reader goes on in between."""
    first, second, third = new_id(), new_id(), new_id()
    async with writing(academy) as slow, writing(academy) as fast:
        await slow.execute(WRITE, first)
        await fast.execute(WRITE, second)
        await fast.commit()
        # had it been shown, a cursor behind it would pass over the one that is still to come
        assert await read(academy) == []
        await slow.commit()
    seen = await settled(academy, {first, second})
    assert [each.id for each in seen] == [first, second]
    async with writing(academy) as later:
        await later.execute(WRITE, third)
        await later.commit()
    rest = await settled(academy, {third}, position_of(seen[-1], IN_LINE))
    assert [each.id for each in rest] == [third]


async def test_what_was_rolled_back_did_not_happen(academy: Academy) -> None:
    kept = new_id()
    async with writing(academy) as undone:
        await undone.execute(WRITE, new_id())
        await undone.rollback()
    async with writing(academy) as done:
        await done.execute(WRITE, kept)
        await done.commit()
    assert [each.id for each in await settled(academy, {kept})] == [kept]


async def test_when_the_last_statement_fails_nothing_is_committed(academy: Academy) -> None:
    """COMMIT goes behind it in one round trip, and must be passed over then."""
    told = NewEvent(id=new_id(), type=EventType.USER_UPDATED, subject_id=new_id())
    async with writing(academy) as session:
        await event.insert_last(session, [told], actor_kind="user", actor_id=None)
        await session.commit()
    before = await academy.state()
    async with writing(academy) as session:
        await session.execute(WRITE, new_id())
        with pytest.raises(UniqueError):
            await event.insert_last(session, [told], actor_kind="user", actor_id=None)
        with pytest.raises(InternalError):
            await session.commit()
    assert await academy.state() == before
