"""Walks PostgreSQL's own catalogue: whatever stands in a tenant schema must keep tenants apart.

No table is named here (but the list of migrations, which holds nothing of a tenant), so a table added later
is covered as it is. The second half plants one fault at a time and expects the walk to find it.
"""

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from harka.config import Settings
from harka.storage.location import (
    APP_ROLE,
    CONTROL_ROLE,
    OWNER_ROLE,
    Location,
    admin_url,
    catalog_url,
    database_name,
    with_database,
    with_role,
)
from harka.storage.migrate import connected
from harka.storage.provision import create_home, drop_home, prepare_server

EXEMPT = "schema_migrations"
POLICY = "(tenant_id = (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid)"

# what every statement below begins with; `c` is everything that stands in the schema, `t` its tables
SCOPE = """WITH expected AS (
    SELECT $1::text::regnamespace::oid AS schema, $2::text AS exempt, $3::text AS policy,
      $4::text AS owner, $5::text AS app
  ), c AS (
    SELECT pg_class.* FROM pg_class, expected WHERE relnamespace = schema AND relname <> exempt
  ), t AS (SELECT * FROM c WHERE relkind IN ('r', 'p'))
"""

FAULTS: dict[str, str] = {
    "no tenant_id": """SELECT relname FROM t WHERE NOT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = t.oid AND attname = 'tenant_id' AND atttypid = 'uuid'::regtype
        AND attnotnull AND NOT attisdropped)""",
    "row security not enabled and forced": """SELECT relname FROM t
      WHERE NOT (relrowsecurity AND relforcerowsecurity)""",
    "rows kept outside tables": "SELECT relname FROM c WHERE relkind IN ('m', 'f', 'S')",
    "not exactly the policy": """SELECT relname FROM t, expected
      WHERE ARRAY[concat_ws('|', true, '*', '{0}', policy, policy)] IS DISTINCT FROM (
        SELECT array_agg(concat_ws('|', polpermissive, polcmd, polroles,
          pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)))
        FROM pg_policy WHERE polrelid = t.oid)""",
    "key does not begin with tenant_id": """SELECT relname FROM t WHERE NOT EXISTS (
      SELECT FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
      WHERE indrelid = t.oid AND indisprimary AND attname = 'tenant_id')""",
    "unique across tenants": """SELECT i.relname FROM t JOIN pg_index ON indrelid = t.oid
      JOIN pg_class i ON i.oid = indexrelid
      WHERE indisunique AND NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = t.oid AND attname = 'tenant_id' AND attnum = ANY(indkey))""",
    "reference without tenant_id": """SELECT conname FROM t JOIN pg_constraint ON conrelid = t.oid
      WHERE contype = 'f' AND NOT EXISTS (
        SELECT FROM unnest(conkey, confkey) AS pair (near, far)
        JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = near
        JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = far
        WHERE a.attname = 'tenant_id' AND b.attname = 'tenant_id')""",
    "reference out of the schema": """SELECT conname FROM t JOIN pg_constraint ON conrelid = t.oid
      JOIN pg_class f ON f.oid = confrelid, expected WHERE contype = 'f' AND f.relnamespace <> schema""",
    "not the owner's": "SELECT relname FROM c, expected WHERE pg_get_userbyid(relowner) <> owner",
    "rights beyond reading and writing rows": """SELECT relname
      FROM c, expected, aclexplode(relacl) AS granted
      WHERE grantee <> relowner AND NOT (pg_get_userbyid(grantee) = app AND NOT is_grantable
        AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))""",
    "what has happened may be changed": """SELECT relname FROM c, expected, aclexplode(relacl) AS granted
      WHERE relname = 'event' AND grantee <> relowner
        AND privilege_type NOT IN ('SELECT', 'INSERT', 'DELETE')""",
    "view with its owner's eyes": """SELECT relname FROM c WHERE relkind = 'v'
      AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']""",
    "function with its owner's rights": """SELECT proname FROM pg_proc, expected
      WHERE pronamespace = schema AND (prosecdef OR pg_get_userbyid(proowner) <> owner)""",
    "rule that rewrites": """SELECT rulename FROM c JOIN pg_rewrite ON ev_class = c.oid
      WHERE rulename <> '_RETURN'""",
    "somebody may create here": """SELECT nspname FROM pg_namespace, expected, aclexplode(nspacl) AS granted
      WHERE pg_namespace.oid = schema AND grantee <> nspowner
        AND NOT (pg_get_userbyid(grantee) = app AND privilege_type = 'USAGE' AND NOT is_grantable)""",
    "role that bypasses": """SELECT rolname FROM pg_roles, expected
      WHERE rolname IN (owner, app) AND (rolsuper OR rolbypassrls)""",
    "application owns something": """SELECT classid::regclass::text FROM pg_shdepend, expected
      WHERE deptype = 'o' AND refobjid = app::regrole""",
}


async def walk(connection: asyncpg.Connection, schema: str) -> list[str]:
    """What is wrong, as `fault: name`."""
    found = []
    for fault, text in FAULTS.items():
        rows = await connection.fetch(SCOPE + text, schema, EXEMPT, POLICY, OWNER_ROLE, APP_ROLE)
        found += [f"{fault}: {row[0]}" for row in rows]
    return found


@pytest.fixture(scope="module")
async def ground(servers: Any) -> AsyncIterator[Settings]:
    """A database of its own: faults are planted here."""
    name = f"catalogue_{secrets.token_hex(4)}"
    await prepare_server(servers.admin_url, database=name)
    yield Settings(database_url=with_role(with_database(servers.admin_url, name), CONTROL_ROLE))
    async with connected(servers.admin_url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def schema(ground: Settings) -> str:
    """Faults are planted in it inside transactions that are rolled back."""
    location = Location("app", f"tenant_{uuid4().hex}")
    await create_home(ground, location)
    return location.schema


@pytest.fixture(params=["POOL", "SCHEMA", "DEDICATED"])
async def home(request: pytest.FixtureRequest, ground: Settings) -> AsyncIterator[Location]:
    hex_ = uuid4().hex
    own = f"tenant_{hex_}"
    locations = {
        "POOL": Location("app", "shard_small_3"),
        "SCHEMA": Location("app", own),
        "DEDICATED": Location(f"harka_{hex_}", own),
    }
    location = locations[request.param]
    await create_home(ground, location)
    yield location
    if location.database != "app":
        await drop_home(ground, location)


async def test_every_table_keeps_tenants_apart(ground: Settings, home: Location) -> None:
    async with connected(admin_url(ground, home.database)) as connection:
        assert await walk(connection, home.schema) == []
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'",
            home.schema,
        )
    assert tables > 1


TABLE = "CREATE TABLE planted (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id));"
SECURE = f"""{TABLE} ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON planted USING {POLICY} WITH CHECK {POLICY};"""
LOOSE = "(tenant_id = current_setting('app.current_tenant', true)::uuid)"

PLANTED: list[tuple[str, str]] = [
    ("no tenant_id", "CREATE TABLE planted (id uuid PRIMARY KEY)"),
    ("no tenant_id", "CREATE TABLE planted (tenant_id text, id uuid, PRIMARY KEY (tenant_id, id))"),
    ("row security not enabled and forced", TABLE),
    ("row security not enabled and forced", f"{SECURE} ALTER TABLE planted NO FORCE ROW LEVEL SECURITY"),
    ("row security not enabled and forced", f"{SECURE} ALTER TABLE planted DISABLE ROW LEVEL SECURITY"),
    ("row security not enabled and forced", "CREATE TABLE planted PARTITION OF parted DEFAULT"),
    ("rows kept outside tables", "CREATE MATERIALIZED VIEW planted AS SELECT * FROM course"),
    ("rows kept outside tables", "CREATE SEQUENCE planted"),
    ("not exactly the policy", f"{SECURE} DROP POLICY tenant ON planted"),
    ("not exactly the policy", f"{SECURE} CREATE POLICY more ON planted USING (true)"),
    ("not exactly the policy", f"{SECURE} ALTER POLICY tenant ON planted WITH CHECK (true)"),
    ("not exactly the policy", f"{SECURE} ALTER POLICY tenant ON planted USING {LOOSE}"),
    ("not exactly the policy", f"{SECURE} ALTER POLICY tenant ON planted TO {APP_ROLE}"),
    (
        "not exactly the policy",
        f"{SECURE} DROP POLICY tenant ON planted; CREATE POLICY tenant ON planted USING {POLICY}",
    ),
    (
        "not exactly the policy",
        f"{SECURE} DROP POLICY tenant ON planted; CREATE POLICY tenant ON planted FOR SELECT USING {POLICY}",
    ),
    ("key does not begin with tenant_id", f"{SECURE} ALTER TABLE planted DROP CONSTRAINT planted_pkey"),
    (
        "key does not begin with tenant_id",
        f"{SECURE} ALTER TABLE planted DROP CONSTRAINT planted_pkey, ADD PRIMARY KEY (id, tenant_id)",
    ),
    ("unique across tenants", f"{SECURE} ALTER TABLE planted ADD UNIQUE (id)"),
    (
        "reference without tenant_id",
        "ALTER TABLE course ADD UNIQUE (id); ALTER TABLE completion ADD far uuid REFERENCES course (id)",
    ),
    (
        "reference out of the schema",
        "ALTER TABLE course ADD FOREIGN KEY (tenant_id, id) REFERENCES other.far",
    ),
    ("rights beyond reading and writing rows", f"GRANT TRUNCATE ON course TO {APP_ROLE}"),
    ("rights beyond reading and writing rows", "GRANT SELECT ON course TO PUBLIC"),
    ("rights beyond reading and writing rows", f"GRANT SELECT ON course TO {CONTROL_ROLE}"),
    ("view with its owner's eyes", "CREATE VIEW planted AS SELECT * FROM course"),
    (
        "function with its owner's rights",
        "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN 1",
    ),
    ("rule that rewrites", "CREATE RULE planted AS ON DELETE TO course DO INSTEAD NOTHING"),
    ("somebody may create here", f"GRANT CREATE ON SCHEMA {{schema}} TO {APP_ROLE}"),
    ("somebody may create here", "GRANT USAGE ON SCHEMA {schema} TO PUBLIC"),
]


@pytest.mark.parametrize(("fault", "planted"), PLANTED)
async def test_planted_fault_is_found(ground: Settings, schema: str, fault: str, planted: str) -> None:
    async with connected(admin_url(ground)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            f"""SET LOCAL search_path TO {schema};
            CREATE TABLE parted (LIKE course INCLUDING ALL) PARTITION BY LIST (tenant_id);
            CREATE SCHEMA other;
            CREATE TABLE other.far (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id))"""
        )
        before = await walk(connection, schema)
        await connection.execute(planted.replace("{schema}", schema))
        found = set(await walk(connection, schema)) - set(before)
        await transaction.rollback()
    assert fault in {each.partition(":")[0] for each in found}


async def test_table_that_follows_the_rules_is_no_fault(ground: Settings, schema: str) -> None:
    async with connected(admin_url(ground)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL search_path TO {schema}; {SECURE}")
        await connection.execute("CREATE VIEW seen WITH (security_invoker = true) AS SELECT * FROM planted")
        assert await walk(connection, schema) == []
        await transaction.rollback()


@pytest.mark.parametrize(
    ("fault", "planted"),
    [
        ("role that bypasses", f"ALTER ROLE {APP_ROLE} BYPASSRLS"),
        ("role that bypasses", f"ALTER ROLE {OWNER_ROLE} SUPERUSER"),
        ("application owns something", f"ALTER TABLE {{schema}}.course OWNER TO {APP_ROLE}"),
        ("not the owner's", f"ALTER TABLE {{schema}}.course OWNER TO {APP_ROLE}"),
    ],
)
async def test_fault_that_only_a_superuser_can_plant_is_found(
    servers: Any, ground: Settings, schema: str, fault: str, planted: str
) -> None:
    async with connected(with_database(servers.admin_url, database_name(catalog_url(ground)))) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(planted.replace("{schema}", schema))
        found = await walk(connection, schema)
        await transaction.rollback()
    assert fault in {each.partition(":")[0] for each in found}
