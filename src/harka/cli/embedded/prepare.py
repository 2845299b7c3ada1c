"""From running servers to a usable database. Not in `servers`, because this imports the database driver."""

from harka.config import Settings
from harka.storage.migrate import migrate_all
from harka.storage.provision import prepare_server


async def prepare(settings: Settings, admin_url: str | None) -> None:
    """Roles and catalog where the server is ours (`admin_url`), then migrations. May be repeated."""
    if admin_url is not None:
        await prepare_server(admin_url)
    await migrate_all(settings)
