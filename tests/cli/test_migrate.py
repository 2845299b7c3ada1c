import secrets
from typing import Any

import msgspec
import pytest

from cli.running import harka
from harka.config import Settings
from harka.storage.location import catalog_url, database_name, with_database
from harka.storage.migrate import connected
from harka.storage.provision import prepare_server


@pytest.fixture
async def fresh(servers: Any, settings: Settings) -> Any:
    """Settings that name a database which is not there yet."""
    name = f"migrate_{secrets.token_hex(4)}"
    urls = ("database_url", "app_database_url", "admin_database_url")
    yield msgspec.structs.replace(
        settings, **{url: with_database(getattr(settings, url), name) for url in urls}
    )
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_new_server_is_made_ready_as_its_superuser(servers: Any, fresh: Settings) -> None:
    too_early = harka(fresh, "migrate")
    assert (too_early.returncode, too_early.stderr.count("\n")) == (1, 1), too_early.stderr
    made = harka(fresh, "migrate", "--superuser", servers.admin_url)
    assert made.returncode == 0, made.stderr
    assert "catalog.control: " in made.stdout
    assert harka(fresh, "migrate", "--check").stdout == "up to date\n"
    again = harka(fresh, "migrate")
    assert again.stdout == "1 schemas, 0 migrations applied\n"


async def test_check_names_what_is_pending_and_fails(servers: Any, fresh: Settings) -> None:
    await prepare_server(servers.admin_url, database=database_name(catalog_url(fresh)))
    checked = harka(fresh, "migrate", "--check")
    assert checked.returncode == 1
    assert "pending: catalog.control: " in checked.stdout
