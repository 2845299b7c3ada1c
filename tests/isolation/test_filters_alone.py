"""The second lock: with row-level security out of the way, the statements alone keep tenants apart."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from attack import leaked, rightful
from speaker import QUERIES, Speaker, overheard
from worlds import World

from harka.config import Settings
from harka.opening import open_runtime
from harka.storage.location import app_url, with_credentials


@pytest.fixture
async def unguarded(settings: Settings, servers: Any, speaker: Speaker) -> AsyncIterator[Speaker]:
    """The application as a superuser, whom row-level security does not bind."""
    as_superuser = with_credentials(app_url(settings, "app"), servers.admin_url)
    async with open_runtime(msgspec.structs.replace(settings, app_database_url=as_superuser)) as runtime:
        app = overheard(runtime)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://harka.localhost") as http:
            # one log for both: a process has only one
            yield Speaker(http, app, speaker.log, settings.platform_domain)


@pytest.mark.parametrize(("asker_name", "other_name"), [("pool-a", "pool-b"), ("pool-b", "pool-a")])
async def test_lists_show_only_the_askers_rows(
    unguarded: Speaker, speaker: Speaker, worlds: dict[str, World], asker_name: str, other_name: str
) -> None:
    asker, other = worlds[asker_name], worlds[other_name]
    assert asker.organization.location == other.organization.location
    for field in QUERIES:
        for variables in rightful(field, asker, [other]):
            answer = await unguarded.ask(asker, field, variables)
            assert leaked(answer, other, variables) == set(), (field.name, variables)
            # the same answer as through the policies: the filters hide nothing, and show nothing more
            guarded = await speaker.ask(asker, field, variables)
            assert answer.unnamed == guarded.unnamed, (field.name, variables)
