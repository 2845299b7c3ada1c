"""Where a tenant's rows are, and how the names in the catalog become database URLs."""

import fnmatch
import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from harka.config import ConfigurationError, Settings

APP_DATABASE: Final = "app"
CONTROL_SCHEMA: Final = "control"
CONTROL_ROLE: Final = "harka_control"
APP_ROLE: Final = "harka_app"
OWNER_ROLE: Final = "harka_owner"

# not every comma: a URL may name several hosts
_BETWEEN_PAIRS: Final = re.compile(r",(?=\s*[^,=]*=\s*postgres)")
_DEDICATED: Final = re.compile(r"harka_([0-9a-f]{32})")


class Location(msgspec.Struct, frozen=True):
    """`database`: `app`, the name of a shard that lives elsewhere, or `harka_<hex>` of a dedicated tenant.

    Names, not URLs: a server that moves is a change of configuration, not of the catalog.
    """

    database: str
    schema: str


def database_of(settings: Settings, shard: str) -> str:
    """The `Location.database` of a shard: its own name when `HARKA_SHARD_DATABASES` places it, else `app`."""
    return APP_DATABASE if _placed(settings, shard) is None else shard


def catalog_url(settings: Settings) -> str:
    """Raise `ConfigurationError` when no database is configured (nor embedded)."""
    if settings.database_url is None:
        raise ConfigurationError("HARKA_DATABASE_URL is not set")
    return settings.database_url


def app_url(settings: Settings, database: str) -> str:
    """URL of a `Location.database`, as the application. Raise `ConfigurationError` for an unknown name."""
    url = server_url(settings, database)
    return with_database(url, database) if is_dedicated(database) else url


def server_url(settings: Settings, database: str) -> str:
    """Like `app_url`, but for a dedicated database the one beside it that is there already."""
    default = settings.app_database_url or with_role(catalog_url(settings), APP_ROLE)
    if database == APP_DATABASE:
        return default
    if dedicated := _DEDICATED.fullmatch(database):
        return _placed(settings, f"shard_dedicated_{dedicated[1]}") or default
    url = _placed(settings, database)
    if url is None:
        raise ConfigurationError(f"no database is configured for {database!r}")
    return url


def admin_url(settings: Settings, database: str | None = None) -> str:
    """URL for the owner role: of the catalog (None), or of the database behind a `Location.database`."""
    owner = settings.admin_database_url or with_role(catalog_url(settings), OWNER_ROLE)
    return owner if database is None else with_credentials(app_url(settings, database), owner)


def listen_url(settings: Settings) -> str:
    return settings.listen_database_url or catalog_url(settings)


def is_dedicated(database: str) -> bool:
    return _DEDICATED.fullmatch(database) is not None


def with_role(url: str, role: str) -> str:
    """The same URL, password included, for another role."""
    parts = urlsplit(url)
    user, _, address = parts.netloc.rpartition("@")
    _, colon, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{quote(role)}{colon}{password}@{address}"))


def with_database(url: str, database: str) -> str:
    # urlunsplit drops the empty authority of `postgresql:///name`, and with it a slash asyncpg needs
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{quote(database)}" + (f"?{parts.query}" if parts.query else "")


def database_name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def with_credentials(url: str, owner: str) -> str:
    """`url` with the role and password of the URL `owner`."""
    credentials = urlsplit(owner).netloc.rpartition("@")[0]
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}"))


def _placed(settings: Settings, shard: str) -> str | None:
    pairs: list[str] = _BETWEEN_PAIRS.split(settings.shard_databases.strip())
    for pair in filter(None, pairs):
        pattern, _, url = pair.strip().partition("=")
        if not pattern or not url:
            raise ConfigurationError("HARKA_SHARD_DATABASES: expected pattern=url pairs with commas between")
        if fnmatch.fnmatchcase(shard, pattern):
            return url
    return None
