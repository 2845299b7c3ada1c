"""A challenge is of one organization and one person, for some minutes, once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from harka import clock
from harka.ids import new_id
from harka.learning import passkey_ceremony
from harka.tenancy.context import ANONYMOUS, TenantContext
from school import School, school

__all__ = ["school"]


def nobody(school: School) -> TenantContext:
    return TenantContext(organization=school.organization, actor=ANONYMOUS)


async def spent(school: School, text: str, user: UUID | None = None) -> bytes | None:
    return await passkey_ceremony.spend(school.runtime.entrance, nobody(school), user, text)


def begun(school: School, user: UUID | None = None) -> tuple[bytes, str]:
    return passkey_ceremony.begin(school.runtime.entrance, nobody(school), user)


async def test_it_is_good_once_however_many_bring_it_at_once(school: School) -> None:
    challenge, text = begun(school)
    answers = await asyncio.gather(*(spent(school, text) for _ in range(5)))
    assert [each for each in answers if each is not None] == [challenge]


async def test_it_is_of_whom_it_was_made_for(school: School, make_tenant: Any) -> None:
    _, anybodys = begun(school)
    _, theirs = begun(school, school.learner.id)
    other = School(school.runtime, await make_tenant())
    assert await spent(school, anybodys, school.learner.id) is None
    assert await spent(school, theirs) is None
    assert await spent(school, theirs, new_id()) is None
    assert await spent(other, anybodys) is None
    # what was not theirs has spent nothing
    assert await spent(school, theirs, school.learner.id) is not None
    assert await spent(school, anybodys) is not None


async def test_it_ends(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = begun(school)
    later = clock.now() + timedelta(seconds=302)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert await spent(school, text) is None
