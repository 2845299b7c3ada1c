"""What scim2-tester, the reference suite of the library's authors, says of a server that this test starts."""

import asyncio
from pathlib import Path

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from school import School, school
from scim_school import Directory, directory
from served import served

__all__ = ["directory", "school"]


async def test_scim2_tester_finds_nothing(school: School, directory: Directory, tmp_path: Path) -> None:
    async with served(school.runtime.settings, tmp_path / "log") as address:
        results = await asyncio.to_thread(_checked, address, school.host, directory.token)
    bad = [
        (result.title, result.reason)
        for result in results
        if result.status not in {Status.SUCCESS, Status.SKIPPED}
    ]
    assert bad == []
    assert [result.title for result in results if result.status == Status.SKIPPED] == []
    assert len(results) > 100


def _checked(address: str, host: str, token: str) -> list:
    client = httpx2.Client(
        base_url=f"{address}/scim/v2", headers={"host": host, "authorization": f"Bearer {token}"}, timeout=60
    )
    with client:
        return check_server(SyncSCIMClient(client))
