from datetime import timedelta

import msgspec
import pytest
import typer

from cli.test_imports import MakeTenant, harka
from harka.cli.control import duration
from harka.config import Settings
from harka.runtime import Runtime


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("15m", 900), ("12h", 43_200), ("90d", 7_776_000), (" 2h ", 7200)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1.5h", "0m", "1w", "1h30m", "9999999d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration(text)


async def test_a_database_that_is_not_migrated_is_said_to_be_so(settings: Settings) -> None:
    assert settings.database_url is not None
    empty = msgspec.structs.replace(
        settings, database_url=settings.database_url.replace("/harka?", "/postgres?")
    )
    code, out, notes = await harka(empty, "tenant", "list")
    assert (code, out) == (1, "")
    assert notes.startswith("error: ")
    assert notes.count("\n") == 1


async def test_a_server_that_is_down_is_one_line(settings: Settings) -> None:
    down = msgspec.structs.replace(settings, database_url="postgresql://harka_control@127.0.0.1:1/harka")
    found = await harka(down, "tenant", "list")
    assert found == (1, "", "error: The service is temporarily unavailable.\n")


async def test_a_table_in_a_pipe_is_whole(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    _, table, _ = await harka(runtime.settings, "tenant", "list")
    line = next(line for line in table.splitlines() if tenant.slug in line)
    assert tenant.shard in line
