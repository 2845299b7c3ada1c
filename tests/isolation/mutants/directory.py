"""What an organization's own directory reaches."""

from typing import Final

from mutants.mutant import Mutant

SCIM: Final = ("tests/isolation/test_scim.py",)

MUTANTS: Final = [
    Mutant(
        "a-directorys-token-opens-any-address",
        "auth/scim_token.py",
        "agree(snapshot, signals.host, token.tenant_id)",
        "agree(snapshot, token.tenant_id)",
        SCIM,
    ),
    Mutant(
        "a-directorys-token-is-the-hosts",
        "auth/scim_token.py",
        "agree(snapshot, signals.host, token.tenant_id)",
        "agree(snapshot, signals.host or token.tenant_id)",
        SCIM,
    ),
    Mutant(
        "a-directory-finds-people-of-all",
        "repositories/scim_user.py",
        'WHERE u.tenant_id = $1 AND s.removed_version IS DISTINCT FROM u.version"""',
        'WHERE $1::uuid IS NOT NULL AND s.removed_version IS DISTINCT FROM u.version"""',
        ("tests/repositories/test_statements.py", *SCIM),
    ),
    Mutant(
        "a-directory-finds-groups-of-all",
        "repositories/scim_group.py",
        '{schema}.user_group g WHERE g.tenant_id = $1"\n',
        '{schema}.user_group g WHERE $1::uuid IS NOT NULL"\n',
        ("tests/repositories/test_statements.py", *SCIM),
    ),
    Mutant(
        "a-directory-looks-for-names-of-all",
        "repositories/scim_user.py",
        "WHERE n.tenant_id = $1 AND n.external_id = {}))",
        "WHERE n.external_id = {}))",
        ("tests/repositories/test_scim_condition.py",),
    ),
]
