"""Planted isolation faults. Each must make the suite fail; `run_mutants.py` plants and asks.

`before` must stand in the file as it is. `tests` are where the fault is expected to be noticed, in this order:
each is a run of pytest, and the first that fails is the last.
"""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import NamedTuple


class Mutant(NamedTuple):
    name: str
    file: str  # below src/harka
    before: str
    after: str
    tests: tuple[str, ...]


SCHEMA = ("tests/isolation/test_row_security_catalogue.py", "tests/isolation")
SESSION = ("tests/storage/test_session.py", "tests/storage", "tests/isolation")
INTERRUPTED = ("tests/storage/test_session_cancellation.py", "tests/storage", "tests/isolation")
TENANCY = ("tests/tenancy", "tests/auth", "tests/isolation")
WHO = ("tests/auth", "tests/tenancy", "tests/isolation")
CACHE = ("tests/cache", "tests/isolation")
STATEMENTS = ("tests/isolation/test_statements.py",)
CURSOR = ("tests/graph/test_cursor.py", "tests/graph", "tests/isolation")
PARENT = ("tests/graph/types", "tests/isolation/test_controls.py")
CATALOG = ("tests/isolation/test_statements.py", "tests/repositories")
EVENTS = ("tests/graph/subscriptions", "tests/test_pubsub.py", "tests/isolation/test_subscriptions.py")
EXPORT = ("tests/cli/test_exports.py", "tests/onboarding/test_export.py")
FILES = ("tests/files", "tests/isolation")
PEOPLE = ("tests/learning", "tests/graph", "tests/isolation")
TENANT_SQL = "storage/migrations/tenant/20261123090000_foundation.sql"
POLICY = """CREATE POLICY tenant ON enrollment
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);"""

MUTANTS = [
    # the database
    Mutant(
        "unforced-policy",
        TENANT_SQL,
        "ALTER TABLE course ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
        "ALTER TABLE course ENABLE ROW LEVEL SECURITY;",
        SCHEMA,
    ),
    Mutant(
        "row-security-off",
        TENANT_SQL,
        "ALTER TABLE lesson ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
        "",
        SCHEMA,
    ),
    Mutant(
        "policy-without-check",
        TENANT_SQL,
        POLICY,
        POLICY.replace(
            "\n  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)",
            "\n  WITH CHECK (true)",
        ),
        SCHEMA,
    ),
    Mutant(
        "policy-for-everybody",
        TENANT_SQL,
        POLICY,
        "CREATE POLICY tenant ON enrollment USING (true) WITH CHECK (true);",
        SCHEMA,
    ),
    Mutant(
        "policy-without-nullif",
        TENANT_SQL,
        POLICY,
        POLICY.replace(
            "NULLIF(current_setting('app.current_tenant', true), '')",
            "current_setting('app.current_tenant', true)",
        ),
        SCHEMA,
    ),
    Mutant(
        "open-when-unset",
        TENANT_SQL,
        POLICY,
        POLICY.replace(
            "USING (tenant_id =", "USING (current_setting('app.current_tenant', true) IS NULL OR tenant_id ="
        ),
        SCHEMA,
    ),
    Mutant("no-policy", TENANT_SQL, POLICY, "", SCHEMA),
    Mutant(
        "plain-foreign-key",
        TENANT_SQL,
        "FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE",
        "FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE, UNIQUE (id), FOREIGN KEY (id) REFERENCES lesson_progress (id)",
        SCHEMA,
    ),
    Mutant(
        "key-without-tenant",
        TENANT_SQL,
        "CREATE TABLE job (\n  tenant_id uuid NOT NULL,\n  id uuid NOT NULL,",
        "CREATE TABLE job (\n  tenant_id uuid,\n  id uuid NOT NULL UNIQUE,",
        SCHEMA,
    ),
    Mutant(
        "email-unique-across-tenants",
        TENANT_SQL,
        "CONSTRAINT user_email_unique UNIQUE (tenant_id, email_key)",
        "CONSTRAINT user_email_unique UNIQUE (email_key)",
        SCHEMA,
    ),
    Mutant(
        "code-unique-across-tenants",
        TENANT_SQL,
        "CONSTRAINT course_code_unique UNIQUE (tenant_id, code)",
        "CONSTRAINT course_code_unique UNIQUE (code)",
        SCHEMA,
    ),
    Mutant(
        "squatted-domain",
        "storage/migrations/control/20261123090000_foundation.sql",
        "ON domain (name) WHERE status IN ('VERIFIED', 'ACTIVE');",
        "ON domain (name);",
        ("tests/repositories/test_domain.py", "tests/repositories", "tests/tenancy"),
    ),
    # the session
    Mutant(
        "session-level-setting",
        "storage/session.py",
        "SET LOCAL app.current_tenant",
        "SET app.current_tenant",
        SESSION,
    ),
    Mutant(
        "setting-forgotten",
        "storage/session.py",
        "SET LOCAL app.current_tenant",
        "SET LOCAL app.some_tenant",
        SESSION,
    ),
    Mutant(
        "tenant-not-required", "storage/session.py", "if not isinstance(tenant, UUID):", "if False:", SESSION
    ),
    Mutant(
        "connection-kept-after-cancellation",
        "storage/transaction.py",
        "        except BaseException:\n            self._abandon()\n            raise\n\n    def _abandon",
        "        except BaseException:\n            raise\n\n    def _abandon",
        INTERRUPTED,
    ),
    Mutant(
        "half-opened-connection-kept",
        "storage/transaction.py",
        "            # nobody may meet a connection whose tenant is not set\n            self._abandon()",
        "            # nobody may meet a connection whose tenant is not set",
        INTERRUPTED,
    ),
    Mutant(
        "recycled-without-rollback",
        "storage/databases.py",
        'await connection.execute("ROLLBACK")',
        'await connection.execute("SELECT 1")',
        INTERRUPTED,
    ),
    Mutant(
        "busy-connection-comes-back",
        "storage/databases.py",
        '    if connection.is_in_transaction():\n        raise asyncpg.InterfaceError("a connection came back inside a transaction")',
        "    return",
        ("tests/storage/test_databases.py", *INTERRUPTED),
    ),
    Mutant(
        "one-database-for-all-dedicated",
        "storage/location.py",
        "return with_database(url, database) if is_dedicated(database) else url",
        "return url",
        ("tests/storage/test_location.py", *SESSION),
    ),
    Mutant("reads-may-write", "storage/session.py", "READ ONLY", "READ WRITE", SESSION),
    # statements
    Mutant(
        "dropped-filter-page",
        "repositories/course.py",
        "WHERE c.tenant_id = $1 AND (created_at, id)",
        "WHERE $1::uuid IS NOT NULL AND (created_at, id)",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-count",
        "repositories/user.py",
        "WHERE tenant_id = $1 AND ($2::text IS NULL OR role = $2)",
        "WHERE $1::uuid IS NOT NULL AND ($2::text IS NULL OR role = $2)",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-join",
        "repositories/progress.py",
        "ON e.tenant_id = $1 AND e.id = p.enrollment_id",
        "ON e.id = p.enrollment_id",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-update",
        "repositories/course.py",
        "WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int",
        "WHERE $1::uuid IS NOT NULL AND id = $2::uuid AND version = $3::int",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-lock",
        "repositories/enrollment.py",
        "WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE",
        "WHERE $1::uuid IS NOT NULL AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-email",
        "repositories/user.py",
        "WHERE tenant_id = $1 AND email_key",
        "WHERE $1::uuid IS NOT NULL AND email_key",
        STATEMENTS,
    ),
    # ids and cursors
    Mutant(
        "id-of-any-tenant",
        "ids.py",
        "hashlib.blake2b(tenant.bytes + body",
        "hashlib.blake2b(body",
        ("tests/test_ids.py", "tests/isolation"),
    ),
    Mutant(
        "id-not-checked",
        "ids.py",
        "or not hmac.compare_digest(tag, self._tag(tenant, body))",
        "",
        ("tests/test_ids.py", "tests/isolation"),
    ),
    Mutant(
        "id-of-any-kind",
        "ids.py",
        "        if found is not kind:\n            raise InvalidIdError\n",
        "",
        ("tests/test_ids.py", "tests/isolation"),
    ),
    Mutant(
        "cursor-of-any-tenant",
        "graph/cursor.py",
        "packed((tenant.bytes, name, filters))",
        "packed((name, filters))",
        CURSOR,
    ),
    Mutant(
        "cursor-of-any-list",
        "graph/cursor.py",
        "packed((tenant.bytes, name, filters))",
        "packed((tenant.bytes, filters))",
        CURSOR,
    ),
    Mutant(
        "cursor-not-checked",
        "graph/cursor.py",
        "        if not hmac.compare_digest(tag, self._tag(body)):\n            raise InvalidCursorError\n",
        "",
        CURSOR,
    ),
    Mutant(
        "cursor-of-any-course",
        "graph/types/course.py",
        "filters=(root.id.bytes,),",
        "filters=(),",
        PARENT,
    ),
    Mutant(
        "cursor-of-any-user",
        "graph/types/user.py",
        "filters=(root.id.bytes,),",
        "filters=(),",
        PARENT,
    ),
    # who asks
    Mutant(
        "first-signal-wins",
        "tenancy/resolution.py",
        "    if len(tenants) > 1:\n        raise TenantMismatchError\n",
        "",
        ("tests/tenancy/test_resolution.py", *TENANCY),
    ),
    Mutant("host-not-compared", "auth/principal.py", "        signals.host,\n", "        None,\n", WHO),
    Mutant(
        "key-not-compared",
        "auth/principal.py",
        "None if key is None else key.tenant_id,",
        "None,",
        WHO,
    ),
    Mutant(
        "token-not-compared",
        "auth/principal.py",
        "None if access is None else access.tenant,",
        "None,",
        WHO,
    ),
    Mutant(
        "suspended-gets-in",
        "tenancy/resolution.py",
        '    if organization.status != "active":\n        raise TenantSuspendedError\n',
        "",
        ("tests/tenancy/test_resolution.py", *TENANCY),
    ),
    Mutant(
        "key-hash-not-checked",
        "auth/api_key.py",
        "if key is None or not matches or not is_live(key, now):",
        "if key is None or not is_live(key, now):",
        WHO,
    ),
    Mutant("revoked-key-lives", "auth/api_key.py", "return key.revoked_at is None and", "return", WHO),
    Mutant(
        "token-tenant-not-its-key's",
        "auth/token.py",
        "        claims.tenant == key.tenant_id\n        and ",
        "        ",
        WHO,
    ),
    Mutant(
        "token-never-expires",
        "auth/token.py",
        "        and now < claims.exp\n",
        "",
        WHO,
    ),
    Mutant(
        "token-algorithm-not-pinned",
        "auth/token.py",
        "if name != self._algorithm:",
        "if False:",
        WHO,
    ),
    Mutant(
        "key-of-user-gets-all",
        "auth/principal.py",
        "allowed &= permissions_of(user.role)",
        "pass",
        WHO,
    ),
    Mutant(
        "key-scopes-ignored",
        "auth/principal.py",
        "frozenset(scope for scope in Permission if scope in key.scopes)",
        "frozenset(Permission)",
        WHO,
    ),
    Mutant(
        "inactive-user-acts",
        "auth/principal.py",
        'if not found or found[0].status != "active":',
        "if not found:",
        WHO,
    ),
    Mutant(
        "forwarded-host-from-anybody",
        "web/middleware/tenant_door.py",
        "trusted=request.trusted",
        "trusted=True",
        ("tests/web/middleware", "tests/web", "tests/isolation"),
    ),
    Mutant(
        "unproven-domain-served",
        "repositories/domain.py",
        "status IN ('VERIFIED', 'ACTIVE')",
        "status IN ('PENDING', 'VERIFIED', 'ACTIVE')",
        ("tests/repositories", "tests/tenancy", "tests/isolation"),
    ),
    Mutant(
        "removed-domain-served",
        "tenancy/snapshot.py",
        "        _remove(self.domains, old.domains, position)\n",
        "",
        ("tests/tenancy/test_snapshot.py", *TENANCY),
    ),
    Mutant(
        "key-revoked-by-any-tenant",
        "repositories/api_key.py",
        "WHERE tenant_id = $1 AND prefix = $2",
        "WHERE $1::uuid IS NOT NULL AND prefix = $2",
        CATALOG,
    ),
    Mutant(
        "domain-given-up-by-any-tenant",
        "repositories/domain.py",
        "DELETE FROM control.domain WHERE tenant_id = $1 AND name = $2",
        "DELETE FROM control.domain WHERE $1::uuid IS NOT NULL AND name = $2",
        CATALOG,
    ),
    Mutant(
        "socket-at-any-address",
        "web/websocket.py",
        'headers = [*self._scope["headers"], *_credentials(payload or {})]',
        'headers = [(b"host", b"localhost"), *_credentials(payload or {})]',
        ("tests/isolation/test_credentials.py",),
    ),
    Mutant(
        "reserved-name-served",
        "_fastpath_rules.py",
        " and label not in RESERVED_SUBDOMAINS",
        "",
        ("tests/test_fastpath_hosts.py", "tests/tenancy"),
    ),
    Mutant(
        "unproven-claim-wins-the-platform",
        "_fastpath_rules.py",
        "return under | own | dict.fromkeys(neutral, NEUTRAL)",
        "return under | dict.fromkeys(neutral, NEUTRAL) | own",
        ("tests/test_fastpath_hosts.py", "tests/tenancy"),
    ),
    # caches, events, files, seals
    Mutant(
        "cache-key-without-tenant",
        "cache/tenant.py",
        "cache_key(self._key, tenant.bytes,",
        "cache_key(self._key, bytes(16),",
        CACHE,
    ),
    Mutant(
        "cache-seal-not-checked",
        "cache/tenant.py",
        "if not hmac.compare_digest(tag, self._tag(name, body)):",
        "if False:",
        CACHE,
    ),
    Mutant(
        "cache-without-tenant-opens",
        "cache/tenant.py",
        "    if not isinstance(tenant, UUID):\n        raise TenantRequiredError\n",
        "    return\n",
        CACHE,
    ),
    Mutant(
        "channel-without-tenant",
        "pubsub.py",
        'return f"harka:event:{tenant.hex}:{topic}"',
        'return f"harka:event:{topic}"',
        ("tests/test_pubsub.py", "tests/isolation"),
    ),
    Mutant(
        "channel-of-any-course",
        "pubsub.py",
        'return f"harka:event:{tenant.hex}:{topic}"',
        "return f\"harka:event:{tenant.hex}:{topic.rpartition(':')[0]}\"",
        EVENTS,
    ),
    Mutant(
        "listener-of-any-enrollment",
        "graph/subscriptions/progress.py",
        'return await Notices.of_topic(context, f"progress:{id_}", read)',
        'return await Notices.of_topic(context, "progress:course:" + str((await context.loaders.of(EnrollmentByIdLoader).load(id_)).course_id), read)',
        EVENTS,
    ),
    Mutant(
        "file-path-without-tenant",
        "files/store.py",
        'return f"{tenant.hex}/{path}"',
        "return path",
        FILES,
    ),
    Mutant(
        "file-link-of-any-tenant",
        "files/store.py",
        "hashlib.blake2b(tenant.bytes + body, key=self._key",
        "hashlib.blake2b(body, key=self._key",
        FILES,
    ),
    Mutant(
        "export-among-anothers-files",
        "cli/exports.py",
        "runtime.files.write(organization.id,",
        "runtime.files.write(type(organization.id)(int=organization.id.int ^ 1),",
        EXPORT,
    ),
    Mutant(
        "export-of-another-tenant",
        "repositories/organization.py",
        "WHERE o.slug = $1",
        "WHERE o.slug <> $1 LIMIT 1",
        EXPORT,
    ),
    Mutant(
        "seal-without-tenant",
        "crypto/envelope.py",
        'return _VERSION + tenant.bytes + purpose.encode("utf-8")',
        'return _VERSION + purpose.encode("utf-8")',
        ("tests/crypto",),
    ),
    # who may see what
    Mutant(
        "shared-loaders",
        "graph/loaders/loader.py",
        "    def __init__(self, work: UnitOfWork) -> None:\n        self._work = work\n        self._made: dict[type[Loader[Any, Any]], Loader[Any, Any]] = {}",
        "    def __init__(self, work: UnitOfWork, made: dict[Any, Any] = {}) -> None:\n        self._work = work\n        self._made = made",
        ("tests/graph", "tests/isolation"),
    ),
    Mutant(
        "learner-sees-all-enrollments",
        "learning/visibility.py",
        "return Scope(everything=context.allows(permission), user=_user(context))",
        "return Scope(everything=True, user=_user(context))",
        PEOPLE,
    ),
    Mutant(
        "learner-sees-drafts",
        "learning/visibility.py",
        "return Scope(everything=context.allows(Permission.COURSE_WRITE), user=_user(context))",
        "return Scope(everything=True, user=_user(context))",
        PEOPLE,
    ),
    Mutant(
        "anybody-creates-courses",
        "learning/course.py",
        "    work.context.require(Permission.COURSE_WRITE)\n    made = ",
        "    made = ",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-enrolls",
        "learning/enrollment.py",
        "    work.context.require(Permission.ENROLLMENT_WRITE)\n",
        "",
        ("tests/learning",),
    ),
]
