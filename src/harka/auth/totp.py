"""One-time codes of a second device (RFC 6238: SHA-1, six digits, 30 s), and codes for when it is lost."""

import hashlib
import hmac
import os
from base64 import b32encode
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

SECRET_BYTES: Final = 20
STEP_SECONDS: Final = 30
DIGITS: Final = 6
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
_GROUP: Final = 4
# a code is good for the half minute before and after its own: clocks differ, and people are slow
_DRIFT: Final = 1


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """As people type it into a device."""
    return b32encode(secret).decode("ascii")


def address_of(secret: bytes, *, issuer: str, account: str) -> str:
    """The `otpauth` address that a device reads from a picture."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?secret={secret_text(secret)}&issuer={quote(issuer, safe='')}"


def code_at(secret: bytes, step: int) -> str:
    """The code of a half minute, counted from the epoch."""
    mac = hmac.digest(secret, step.to_bytes(8), "sha1")
    at = mac[-1] & 0x0F
    number = int.from_bytes(mac[at : at + 4]) & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, now: datetime, *, after: int = 0) -> int | None:
    """Of which half minute later than `after` this is the code; None for none near `now`."""
    current = int(now.timestamp()) // STEP_SECONDS
    given = "".join(code.split()).encode()
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given) and step > after:
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Of 80 random bits each, as people write them down."""
    return ["-".join(_groups(b32encode(os.urandom(_RECOVERY_BYTES)).decode())) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is kept of one, however it is spelt. Fast is right here: there is nothing to guess."""
    plain = "".join(each for each in code.upper() if each.isascii() and each.isalnum())
    return hashlib.sha256(plain.encode()).digest()


def _groups(text: str) -> Iterator[str]:
    return (text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
