"""A process that answers directories (SCIM): what that takes is there before the first of them asks."""

import asyncio
import contextlib
import importlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from harka import clock
from harka.app import Application
from harka.auth import scim_token
from harka.config import Settings
from harka.ids import new_id
from harka.repositories import scim_token as scim_tokens
from harka.repositories.scim_token import ScimToken
from harka.runtime import Runtime
from harka.web import scim
from test_app import World, own_runtime, world
from waiting import until

__all__ = ["own_runtime", "world"]


@contextlib.asynccontextmanager
async def living(settings: Settings) -> AsyncIterator[Application]:
    """Started as by a server, in this process."""
    application, asked, told = Application(settings), asyncio.Queue[Any](), asyncio.Queue[Any]()
    life = asyncio.create_task(application({"type": "lifespan"}, asked.get, told.put))  # type: ignore[arg-type]  # plain dictionaries
    await asked.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    try:
        yield application
    finally:
        await asked.put({"type": "lifespan.shutdown"})
        await life


async def test_what_answers_a_directory_is_there_before_it_first_asks(
    world: World, own_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = "harka.web.scim.endpoint"
    monkeypatch.setattr(scim, "endpoint", importlib.import_module(room))
    monkeypatch.delitem(sys.modules, room)

    async def is_there() -> bool:
        return room in sys.modules

    async with living(world.settings):
        assert not await is_there(), "nobody has a token"
        token = ScimToken(
            id=new_id(),
            tenant_id=world.tenant.id,
            prefix=scim_token.prefix_of(text := scim_token.new_text()),
            hash=scim_token.hashed(text),
            name="Directory",
            permissions=["user:read"],
            created_by=None,
            created_at=clock.now(),
            expires_at=None,
            revoked_at=None,
            updated_at=clock.now(),
            version=1,
        )
        assert await scim_tokens.insert(own_runtime.catalog, token)
        await until(is_there)
