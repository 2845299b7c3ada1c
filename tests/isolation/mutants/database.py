"""Tables, policies, keys and statements."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

SCHEMA = ("tests/isolation/test_row_security_catalogue.py", "tests/isolation")
STATEMENTS = ("tests/isolation/test_statements.py",)
TENANT_SQL = "storage/migrations/tenant/20261123090000_foundation.sql"
POLICY = """CREATE POLICY tenant ON enrollment
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);"""

MUTANTS: Final = [
    Mutant(
        "unforced-policy",
        TENANT_SQL,
        # a table whose rows no later migration goes through, which would force it again
        "ALTER TABLE module ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
        "ALTER TABLE module ENABLE ROW LEVEL SECURITY;",
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
    Mutant(
        "dropped-filter-asset",
        "repositories/branding_asset.py",
        "WHERE tenant_id = $1 AND hash = $2",
        "WHERE $1::uuid IS NOT NULL AND hash = $2",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-page",
        "repositories/course.py",
        "WHERE c.tenant_id = $1 AND {_MATCHES} {{after}}",
        "WHERE $1::uuid IS NOT NULL AND {_MATCHES} {{after}}",
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-count",
        "repositories/user.py",
        'WHERE tenant_id = $1 AND {MATCHES}"""',
        'WHERE $1::uuid IS NOT NULL AND {MATCHES}"""',
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
        'WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND {unless_beyond("enrollment.user_id", "$3")}\n    ORDER',
        'WHERE $1::uuid IS NOT NULL AND id = ANY($2::uuid[]) AND {unless_beyond("enrollment.user_id", "$3")}\n    ORDER',
        STATEMENTS,
    ),
    Mutant(
        "dropped-filter-email",
        "repositories/user.py",
        "WHERE tenant_id = $1 AND email_key",
        "WHERE $1::uuid IS NOT NULL AND email_key",
        STATEMENTS,
    ),
]
