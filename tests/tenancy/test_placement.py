from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.config import Settings
from harka.fastpath import select_shard
from harka.repositories.placement import Placement
from harka.tenancy.placement import Mode, first_home, needs_move
from tenancy.samples import SETTINGS

TENANT = UUID("018f0000-0000-7000-8000-000000000001")


def placed(users: int, mode: Mode | None = None) -> Placement:
    return first_home(SETTINGS, TENANT, users, mode)


@pytest.mark.parametrize(
    ("users", "prefix", "mode"),
    [
        (0, "shard_small_", Mode.POOL),
        (100, "shard_small_", Mode.POOL),
        (101, "shard_medium_", Mode.POOL),
        (1000, "shard_medium_", Mode.POOL),
        (1001, f"shard_dedicated_{TENANT.hex}", Mode.DEDICATED),
    ],
)
def test_size_chooses_the_first_home(users: int, prefix: str, mode: Mode) -> None:
    home = placed(users)
    assert home.shard.startswith(prefix)
    assert home.shard == select_shard(TENANT.bytes, users)
    assert (home.mode, home.epoch) == (mode, 1)


def test_pooled_tenants_share_the_shards_schema() -> None:
    home = placed(50)
    assert (home.database, home.schema) == ("app", home.shard)


def test_an_own_schema_is_named_after_the_tenant() -> None:
    home = placed(50, Mode.SCHEMA)
    assert (home.database, home.schema, home.shard) == ("app", f"tenant_{TENANT.hex}", placed(50).shard)


def test_an_own_database_is_named_after_the_tenant_whatever_its_size() -> None:
    home = placed(5, Mode.DEDICATED)
    assert (home.database, home.schema) == (f"harka_{TENANT.hex}", f"tenant_{TENANT.hex}")
    assert home.shard == f"shard_dedicated_{TENANT.hex}"


def test_a_large_tenant_may_be_pooled_when_asked() -> None:
    home = placed(5000, Mode.POOL)
    assert (home.mode, home.schema, home.database) == (Mode.POOL, f"shard_dedicated_{TENANT.hex}", "app")


def test_a_shard_that_lives_elsewhere_names_its_database() -> None:
    settings = Settings(shard_databases="shard_medium_*=postgresql://elsewhere/x")
    assert first_home(settings, TENANT, 500).database == placed(500).shard
    assert first_home(settings, TENANT, 50).database == "app"


@pytest.mark.parametrize(
    ("begun_with", "users", "moves"),
    [
        (50, 100, False),
        (50, 105, False),
        (50, 120, True),
        (500, 95, False),
        (500, 60, True),
        (500, 1050, False),
        (500, 1200, True),
        (5000, 800, False),
        (50, 20, False),
        (5000, 90_000, False),
    ],
)
def test_a_move_needs_more_than_a_step_over_the_threshold(begun_with: int, users: int, moves: bool) -> None:  # noqa: FBT001 - a case
    assert needs_move(placed(begun_with, Mode.POOL), users) is moves


def test_a_chosen_home_is_not_taken_away_for_shrinking() -> None:
    assert not needs_move(placed(5000, Mode.DEDICATED), 1)
    assert not needs_move(placed(500, Mode.SCHEMA), 1)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_nobody_is_moved_back_and_forth(before: int, users: int) -> None:
    """A tenant at rest after a move to the home of its size asks for no other move."""
    if needs_move(placed(before, Mode.POOL), users):
        assert not needs_move(placed(users, Mode.POOL), users)
