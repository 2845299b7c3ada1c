from datetime import timedelta

import msgspec

from academy import Academy, academy, academy_settings, parts
from harka import clock
from harka.auth.session_usage import BROWSER_IDLE, SessionUsage
from harka.config import Settings
from harka.learning import session
from harka.learning.session import Device
from harka.repositories import session as sessions
from harka.repositories.scope import Scope
from harka.repositories.session import Session
from harka.storage.databases import Databases

__all__ = ["academy", "academy_settings", "parts"]

KEY = b"k" * 32


async def begun(academy: Academy, kind: str) -> Session:
    person = await academy.user()
    async with academy.work() as work:
        return (await session.begin(work, KEY, person.id, Device(kind))).session


async def found(academy: Academy, of: Session) -> Session:
    async with academy.work() as work:
        (row,) = await sessions.find_by_ids(work.session, Scope(everything=True), [of.id], own=None)
    return row


async def test_a_browsers_session_lives_on_with_its_use_and_an_apps_does_not(academy: Academy) -> None:
    usage, later = SessionUsage(academy.parts.databases), clock.now() + timedelta(hours=2)
    for kind, moved in (("browser", True), ("app", False)):
        made = await begun(academy, kind)
        usage.note(academy.organization, made.id, later - timedelta(hours=1))
        usage.note(academy.organization, made.id, later)
        await usage.flush()
        now = await found(academy, made)
        assert now.last_used_at == later
        assert now.expires_at == (later + BROWSER_IDLE if moved else made.expires_at)
        assert now.version == made.version


async def test_never_beyond_its_end_never_back_and_never_to_life(academy: Academy) -> None:
    usage, made = SessionUsage(academy.parts.databases), await begun(academy, "browser")
    for at, expected in (
        (made.ends_at - timedelta(minutes=1), made.ends_at - timedelta(minutes=1)),
        (made.created_at, made.ends_at - timedelta(minutes=1)),
    ):
        usage.note(academy.organization, made.id, at)
        await usage.flush()
        assert (await found(academy, made)).last_used_at == expected
    assert (await found(academy, made)).expires_at == made.ends_at
    async with academy.work() as work:
        await sessions.revoke(work.session, made.id, None)
    usage.note(academy.organization, made.id, made.ends_at)
    await usage.flush()
    assert (await found(academy, made)).last_used_at == made.ends_at - timedelta(minutes=1)


async def test_a_database_that_is_down_is_no_reason_to_fail(academy: Academy) -> None:
    down = Databases(Settings(database_url="postgresql://127.0.0.1:1/harka", secret="ab" * 32))
    usage, made = SessionUsage(down), await begun(academy, "browser")
    usage.note(msgspec.structs.replace(academy.organization), made.id, clock.now())
    await usage.flush()
    await down.close()
    assert (await found(academy, made)).last_used_at == made.last_used_at
