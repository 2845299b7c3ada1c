from worlds import World

from harka.runtime import Runtime
from harka.storage.session import open_session
from harka.storage.statement import Statement

TABLES = ("user", "course", "module", "lesson", "enrollment", "lesson_progress", "completion", "job", "usage")
READ_ALL = [
    Statement(
        f"fingerprint.{table}",
        f"""SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))
        FROM {{schema}}.{table} t WHERE tenant_id = $1""",  # noqa: S608 - a constant of this file
    )
    for table in TABLES
]


async def fingerprint(runtime: Runtime, world: World) -> list[str]:
    """A digest of every row the tenant has: equal before and after means that nothing changed."""
    organization = world.organization
    session = open_session(
        runtime.databases, organization.location, organization.id, read_only=True, timeout=10
    )
    try:
        return [await session.fetch_value(statement) for statement in READ_ALL]
    finally:
        await session.rollback()
