from typing import Any

from harka.cli.embedded.prepare import prepare
from harka.config import Settings
from harka.storage.migrate import check_all


async def test_a_new_server_becomes_usable_and_stays_so(servers: Any, settings: Settings) -> None:
    for _ in range(2):
        await prepare(settings, servers.admin_url)
        assert await check_all(settings) == []
