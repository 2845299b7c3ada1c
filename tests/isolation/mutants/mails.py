"""E-mails: by whose server they go, and whom a link out of one is good for."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "a-link-ends-e-mails-of-another-tenant",
        "auth/mail_token.py",
        "    body = tenant.bytes + user.bytes + topic\n",
        "    body = user.bytes + topic\n",
        ("tests/auth/test_mail_token.py", "tests/web/test_unsubscribe.py"),
    ),
    Mutant(
        "an-own-server-is-of-inner-networks",
        "mail/mailer.py",
        "            address = await resolve(server.host, private=private)\n",
        "            address = await resolve(server.host, private=True)\n",
        ("tests/mail/test_mailer.py",),
    ),
    Mutant(
        "an-alert-is-for-whom-it-was-once-meant",
        "learning/mail_letter.py",
        "    if not await refusals.is_in_charge(work.session, mail.about, topic=topic):\n",
        "    if False:\n",
        ("tests/learning/test_mail_letter.py",),
    ),
]
