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
    Mutant(
        "a-logout-token-is-good-twice",
        "learning/sso_logout.py",
        "    if await entrance.throttle.take(context.id, _ONCE, token) > 0.0:\n",
        "    if False:\n",
        ("tests/web/test_sso_logout.py",),
    ),
    Mutant(
        "an-id-token-ends-sessions",
        "auth/oidc_logout.py",
        '        "event": not isinstance(claims.events.get(EVENT), dict),\n',
        "",
        ("tests/auth/test_oidc_logout.py",),
    ),
    Mutant(
        "one-session-there-ends-all-here",
        "repositories/sso_session.py",
        "      AND ($5::text IS NULL OR o.sid = $5)\n",
        "      AND ($5::text IS NULL OR true)\n",
        ("tests/web/test_sso_logout.py",),
    ),
    Mutant(
        "a-challenge-is-good-twice",
        "learning/passkey_ceremony.py",
        "    if await entrance.throttle.take(context.id, _ONCE, ceremony.challenge.hex()) > 0.0:\n",
        "    if False:\n",
        ("tests/learning/test_passkey_ceremony.py", "tests/web/test_passkey.py"),
    ),
    Mutant(
        "a-passkey-without-a-finger",
        "auth/passkey.py",
        "            credential_current_sign_count=0,\n            require_user_verification=True,\n",
        "            credential_current_sign_count=0,\n            require_user_verification=False,\n",
        ("tests/auth/test_passkey.py", "tests/web/test_passkey.py"),
    ),
    Mutant(
        "a-copied-passkey-is-not-noticed",
        "learning/passkey_entrance.py",
        "    if (used or known.sign_count) and used <= known.sign_count:\n",
        "    if False:\n",
        ("tests/web/test_passkey.py",),
    ),
    Mutant(
        "who-is-let-in-no-more-by-a-provider-gets-a-password",
        "learning/password_request.py",
        "    return known.hash is not None or not await connections.is_linked(work.session, known.user_id)\n",
        "    return True\n",
        ("tests/learning/test_password_request.py",),
    ),
    Mutant(
        "a-link-is-sent-past-the-enforced-sign-in",
        "learning/password_request.py",
        "and not policy.is_break_glass:\n        return False\n",
        "and not policy.is_break_glass:\n        return True\n",
        ("tests/learning/test_password_request.py",),
    ),
    Mutant(
        "an-assertion-that-nobody-signed-is-believed",
        "auth/saml.py",
        "        if not is_verified:\n",
        "        if False:\n",
        ("tests/auth/test_saml_attacks.py",),
    ),
    Mutant(
        "a-signature-beside-what-is-encrypted-counts",
        "auth/saml.py",
        "[whole, inside] if is_plain else [whole])}\n        is_verified = whole.tag in by_parent\n",
        "[whole, inside])}\n        is_verified = bool(by_parent)\n",
        ("tests/auth/test_saml_attacks.py",),
    ),
    Mutant(
        "an-assertion-for-another-audience-is-believed",
        "auth/saml_assertion.py",
        "    if not audiences or any(wanted.audience not in each for each in audiences):\n",
        "    if not audiences:\n",
        ("tests/auth/test_saml_attacks.py",),
    ),
    Mutant(
        "an-assertion-is-used-twice",
        "learning/saml_entrance.py",
        "    if not await is_first(entrance.cache, context.id, _ASSERTION, of,",
        "    if not await is_first(entrance.cache, context.id, str(now), of,",
        ("tests/web/test_saml.py",),
    ),
    Mutant(
        "an-answer-to-another-browsers-request-lets-in",
        "learning/saml_entrance.py",
        "            or request.id != found.in_response_to\n",
        "",
        ("tests/web/test_saml.py",),
    ),
    Mutant(
        "what-xmlsec1-says-is-enough",
        "auth/xmlsec.py",
        "        return content if _bears_out(content, info, signed, certificate) else None\n",
        "        return content\n",
        ("tests/auth/test_xmlsec.py",),
    ),
]
