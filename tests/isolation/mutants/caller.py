"""Ids, cursors, and who asks."""



from typing import Final

from mutants.mutant import Mutant

TENANCY = ("tests/tenancy", "tests/auth", "tests/isolation")
WHO = ("tests/auth", "tests/tenancy", "tests/isolation")
CURSOR = ("tests/graph/test_cursor.py", "tests/graph", "tests/isolation")
PARENT = ("tests/graph/types", "tests/isolation/test_controls.py")
CATALOG = ("tests/isolation/test_statements.py", "tests/repositories")

MUTANTS: Final = [
    Mutant(
        "id-of-any-tenant",
        "ids.py",
        "siphash64(self.key, tenant.bytes + body)",
        "siphash64(self.key, body)",
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
    Mutant(
        "first-signal-wins",
        "tenancy/resolution.py",
        "        elif tenant is not None and tenant != agreed:\n            raise TenantMismatchError\n",
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
        "            allowed &= credential.scopes",
        "            allowed = credential.scopes",
        WHO,
    ),
    Mutant(
        "key-does-not-narrow-its-user",
        "auth/principal.py",
        "            allowed &= credential.scopes",
        "            pass",
        WHO,
    ),
    Mutant(
        "key-scopes-ignored",
        "auth/principal.py",
        "return frozenset(scope for scope in Permission if scope in scopes)",
        "return frozenset(Permission)",
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
        "signals(snapshot, headers, trusted=request.trusted)",
        "signals(snapshot, headers, trusted=True)",
        ("tests/web/middleware", "tests/web", "tests/isolation"),
    ),
    Mutant(
        "forwarded-host-from-anybody-where-all-is-alike",
        "web/middleware/tenant_door.py",
        'signals(snapshot, scope["headers"], trusted=request.trusted)',
        'signals(snapshot, scope["headers"], trusted=True)',
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
]
