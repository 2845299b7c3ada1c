"""Whom a provider's word lets in."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "what-another-browser-began-is-ended",
        "learning/sso_entrance.py",
        '        or not secrets.compare_digest(flow.state.encode(), said.get("state", "").encode())\n',
        "",
        ("tests/web/test_sso.py",),
    ),
    Mutant(
        "an-id-token-of-another-sign-in-is-believed",
        "auth/oidc.py",
        '        "nonce": claims.nonce is None or not',
        '        "nonce": False and not',
        ("tests/web/test_sso.py",),
    ),
    Mutant(
        "anybody-draws-the-people-of-any-domain",
        "learning/sso_draft.py",
        "        if name not in proven:\n",
        "        if False:\n",
        ("tests/web/test_sso.py",),
    ),
]
