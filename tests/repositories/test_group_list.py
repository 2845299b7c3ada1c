"""Lists between groups and people: what a page reads of a group that has grown large."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from academy import Academy
from harka.config import Settings
from harka.repositories import group, group_list
from harka.repositories.group_list import Tie
from harka.repositories.page import BY_ID, Order
from harka.storage.statement import Statement
from repositories.test_plans import nodes, prepared, rows_read

SORTS = {"Sort", "Incremental Sort"}


@asynccontextmanager
async def with_a_large_group(
    settings: Settings, crowd: Academy, tie: Tie, statement: Statement
) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A group of two thousand among those of five that the plan was made for; gone again afterwards."""
    tenant, schema = crowd.organization.id, crowd.organization.schema
    async with prepared(settings, crowd, statement) as connection:
        made = connection.transaction()
        await made.start()
        last = f"SELECT id FROM {schema}.user_group WHERE tenant_id = $1 ORDER BY id DESC"  # noqa: S608 - constants
        group_id = await connection.fetchval(
            last,
            tenant,
        )
        await connection.execute(
            f"""INSERT INTO {schema}.{tie} (tenant_id, group_id, user_id)
            SELECT $1, $2, id FROM {schema}."user" WHERE tenant_id = $1 ORDER BY id LIMIT 2000
            ON CONFLICT DO NOTHING""",  # noqa: S608 - constants
            tenant,
            group_id,
        )
        yield connection, str(group_id)
        await made.rollback()


@pytest.mark.parametrize("tie", Tie)
async def test_a_page_of_a_large_group_reads_no_more_than_it_shows(
    crowd: Academy, academy_settings: Settings, tie: Tie
) -> None:
    nothing = ", ".join(["NULL"] * 7)
    for statement, parent in (
        (group_list.FIRST_OF_GROUPS[tie, BY_ID], "'{{{}}}'"),
        (group_list.PAGES_OF_GROUP[tie, BY_ID].first, "'{}'"),
    ):
        async with with_a_large_group(academy_settings, crowd, tie, statement) as (connection, group_id):
            asked = f"'{crowd.organization.id}', {nothing}, {parent.format(group_id)}, 20, NULL"
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")
        assert rows_read(plan)["user"] <= 21, plan
        assert rows_read(plan)[tie] <= 41, plan


@pytest.mark.parametrize("tie", Tie)
async def test_nobody_is_looked_up_to_count_all(crowd: Academy, academy_settings: Settings, tie: Tie) -> None:
    nothing = ", ".join(["NULL"] * 7)
    statement = group_list.COUNT_OF_GROUPS[tie]
    async with with_a_large_group(academy_settings, crowd, tie, statement) as (connection, group_id):
        asked = f"'{crowd.organization.id}', {nothing}, '{{{group_id}}}', NULL"
        all_ = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked}, false)")
        some = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked}, true)")
    assert rows_read(all_)["user"] == 0, all_
    assert rows_read(some)["user"] >= 2000


@pytest.mark.parametrize(
    ("by", "index"), [("created_at", "user_group_children"), ("name", "user_group_children_name")]
)
async def test_groups_below_one_come_in_the_order_of_an_index(
    crowd: Academy, academy_settings: Settings, by: str, index: str
) -> None:
    for statement in (group.FIRST_OF_PARENTS[Order(by)], group.PAGES_OF_PARENT[Order(by)].after):
        async with prepared(academy_settings, crowd, statement) as connection:
            # of so few groups below one, a sort costs as little as the index that has them in order
            for sort in ("enable_sort", "enable_incremental_sort"):
                await connection.execute(f"SET LOCAL {sort} = off")
            nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement.text))))
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it ({nothing})")
        assert [each["Index Name"] for each in nodes(plan) if "Index Name" in each] == [index], plan
        page = next(each for each in nodes(plan) if each["Node Type"] == "Limit")
        assert not SORTS & {each["Node Type"] for each in nodes(json.dumps([{"Plan": page}]))}, plan
