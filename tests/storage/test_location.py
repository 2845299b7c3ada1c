from uuid import UUID

import pytest

from harka.config import ConfigurationError, Settings
from harka.storage.location import (
    admin_url,
    app_url,
    catalog_url,
    database_of,
    is_dedicated,
    listen_url,
    server_url,
    with_database,
)

TENANT = UUID("0198c0de-0000-7000-8000-000000000001")
DEDICATED = f"harka_{TENANT.hex}"
SOCKET = Settings(database_url="postgresql://harka_control@/harka?host=/tmp/x/pg&port=5432")
NETWORK = Settings(
    database_url="postgresql://harka_control:se%40cret@db.internal:5433/harka?sslmode=require",
    shard_databases="shard_medium_*=postgresql://harka_app:pw@medium:5432/medium , "
    f"shard_dedicated_{TENANT.hex}=postgresql://harka_app:pw@big:5432/harka",
)


def test_roles_are_put_into_the_catalogs_url() -> None:
    assert catalog_url(SOCKET) == SOCKET.database_url
    assert app_url(SOCKET, "app") == "postgresql://harka_app@/harka?host=/tmp/x/pg&port=5432"
    assert admin_url(SOCKET) == "postgresql://harka_owner@/harka?host=/tmp/x/pg&port=5432"
    assert (
        app_url(NETWORK, "app") == "postgresql://harka_app:se%40cret@db.internal:5433/harka?sslmode=require"
    )


def test_dedicated_database_is_beside_the_app_database() -> None:
    assert is_dedicated(DEDICATED)
    assert app_url(SOCKET, DEDICATED) == f"postgresql://harka_app@/{DEDICATED}?host=/tmp/x/pg&port=5432"
    assert server_url(SOCKET, DEDICATED) == app_url(SOCKET, "app")


def test_shard_lives_where_the_first_matching_pattern_says() -> None:
    assert database_of(NETWORK, "shard_medium_3") == "shard_medium_3"
    assert database_of(NETWORK, "shard_small_3") == "app"
    assert app_url(NETWORK, "shard_medium_3") == "postgresql://harka_app:pw@medium:5432/medium"
    assert app_url(NETWORK, DEDICATED) == f"postgresql://harka_app:pw@big:5432/{DEDICATED}"


def test_owner_reaches_a_shard_with_its_own_credentials() -> None:
    assert admin_url(NETWORK, "shard_medium_3") == "postgresql://harka_owner:se%40cret@medium:5432/medium"


def test_given_urls_win_over_derived_ones() -> None:
    given = Settings(
        database_url="postgresql://a@/c",
        app_database_url="postgresql://b@h/c",
        admin_database_url="postgresql://o:p@h/c",
        listen_database_url="postgresql://l@h/c",
    )
    assert app_url(given, "app") == "postgresql://b@h/c"
    assert admin_url(given) == "postgresql://o:p@h/c"
    assert listen_url(given) == "postgresql://l@h/c"
    assert listen_url(SOCKET) == SOCKET.database_url


@pytest.mark.parametrize("database", ["shard_small_1", "catalog", "harka_xyz", ""])
def test_unknown_database_is_refused(database: str) -> None:
    with pytest.raises(ConfigurationError):
        app_url(NETWORK, database)


@pytest.mark.parametrize("text", ["shard_medium_*", "=postgresql://x/y", "shard_*=", "a,b"])
def test_garbled_shard_setting_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        database_of(Settings(shard_databases=text), "shard_small_1")


def test_no_database_at_all_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="HARKA_DATABASE_URL"):
        catalog_url(Settings())


def test_url_of_several_hosts_may_contain_commas() -> None:
    settings = Settings(
        database_url="postgresql://c@/h",
        shard_databases="shard_a=postgresql://u@h1,h2/x,shard_b=postgresql://u@h3/y",
    )
    assert app_url(settings, "shard_a") == "postgresql://u@h1,h2/x"
    assert app_url(settings, "shard_b") == "postgresql://u@h3/y"


def test_database_of_a_url_without_an_authority_is_replaced() -> None:
    assert with_database("postgresql:///x?host=/tmp", "other") == "postgresql:///other?host=/tmp"
