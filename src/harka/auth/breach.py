"""Passwords that became public elsewhere: asked for at Have I Been Pwned, or a copy of it (its range API).

Five signs of a SHA-1 are sent, which some thousand known passwords share, and the answer is as long for none:
nobody there learns a password, nor whether it was found.
"""

import hashlib
from http import HTTPStatus
from typing import Final

from harka import logs
from harka.errors import UnavailableError
from harka.outbound import accept_url, fetch

_SENT: Final = 5
_PATIENCE: Final = 2.0
"""Seconds that who sets a password may wait for it."""
_MOST_BYTES: Final = 262_144

log = logs.logger("breach")


class Breaches:
    """`url`: to which the signs are added, as in `https://api.pwnedpasswords.com/range/`; None asks nobody.

    Raise `ValidationError` for what is no such address.
    """

    def __init__(self, url: str | None = None) -> None:
        # a mistake is told at start, and not to who sets a password
        self._url = url and accept_url(url, "HARKA_BREACHED_PASSWORDS_URL", private=True)

    async def has(self, password: str) -> bool:
        """False, too, while nobody answers: a password is rather set than not."""
        if not self._url:
            return False
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            # the address is the operator's own, perhaps of a copy beside us
            answer = await fetch(
                self._url + digest[:_SENT],
                private=True,
                headers={"accept": "text/plain", "add-padding": "true"},
                patience=_PATIENCE,
                most=_MOST_BYTES,
            )
        except UnavailableError as error:
            log.warning("breached passwords not asked for", error=error.message)
            return False
        if answer.status != HTTPStatus.OK:
            log.warning("breached passwords not asked for", status=answer.status)
            return False
        return _is_listed(digest[_SENT:], answer.body)


def _is_listed(rest: str, body: bytes) -> bool:
    """Lines are the rest of a hash, a colon, and how often it was seen; never is padding."""
    for line in body.decode("ascii", "replace").splitlines():
        known, _, times = line.partition(":")
        if known.strip().upper() == rest:
            return times.strip() != "0"
    return False
