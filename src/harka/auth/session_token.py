"""What a browser and an app show of a session of theirs, and what proves that a form is ours.

A token names its organization and is authenticated, so whose it is is known without a look into a database;
that the session is live is asked together with who acts. What is shown in a browser is `hs_` and then, in
base64url, tenant, user, session, 16 random bytes and a mark; the database keeps its SHA-256. An app's
refresh token is `hr_` and tenant, session, a number and a mark: it can be spent once, and who shows a spent
one has stolen it, or was stolen from. A device's is `hd_` and tenant, 8 random bytes, a keyed digest of the
account that came in on it, and a mark: it opens nothing, and tells us alone whose device it is (OWASP's
device cookies).
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

import msgspec

_BROWSER: Final = b"hs_"
_REFRESH: Final = b"hr_"
_DEVICE: Final = b"hd_"
_MARK_BYTES: Final = 16
_ID: Final = 16
_RANDOM_BYTES: Final = 16
_NUMBER_BYTES: Final = 4
_BROWSER_BYTES: Final = 3 * _ID + _RANDOM_BYTES
_REFRESH_BYTES: Final = 2 * _ID + _NUMBER_BYTES
_DEVICE_RANDOM_BYTES: Final = 8
_DEVICE_BYTES: Final = 2 * _ID + _DEVICE_RANDOM_BYTES


class BrowserToken(msgspec.Struct, frozen=True):
    """`hash`: what the database keeps of its text."""

    tenant: UUID
    user: UUID
    session: UUID
    hash: bytes


class RefreshToken(msgspec.Struct, frozen=True):
    """`number`: how many were spent before it."""

    tenant: UUID
    session: UUID
    number: int


def new_browser_token(key: bytes, tenant: UUID, user: UUID, session: UUID) -> str:
    """`key`: 32 bytes, see `Keyring.session`."""
    return _text(key, _BROWSER, tenant.bytes + user.bytes + session.bytes + os.urandom(_RANDOM_BYTES))


def open_browser_token(key: bytes, text: bytes) -> BrowserToken | None:
    """None for whatever `new_browser_token` did not make."""
    body = _opened(key, _BROWSER, text, _BROWSER_BYTES)
    if body is None:
        return None
    return BrowserToken(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), UUID(bytes=body[32:48]), hashed(text))


def refresh_token(key: bytes, tenant: UUID, session: UUID, number: int) -> str:
    """`key`: 32 bytes, see `Keyring.session`."""
    return _text(key, _REFRESH, tenant.bytes + session.bytes + number.to_bytes(_NUMBER_BYTES))


def open_refresh_token(key: bytes, text: bytes) -> RefreshToken | None:
    """None for whatever `refresh_token` did not make."""
    body = _opened(key, _REFRESH, text, _REFRESH_BYTES)
    if body is None:
        return None
    return RefreshToken(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), int.from_bytes(body[32:]))


def new_device_token(key: bytes, tenant: UUID, account: str) -> str:
    """`key`: 32 bytes, see `Keyring.session`. `account`: the address that somebody came in with."""
    return _text(
        key, _DEVICE, tenant.bytes + os.urandom(_DEVICE_RANDOM_BYTES) + _digest_of(key, tenant, account)
    )


def is_device_of(key: bytes, tenant: UUID, account: str, text: bytes) -> bool:
    """Whether this account came in on the device that shows `text`."""
    body = _opened(key, _DEVICE, text, _DEVICE_BYTES)
    return body is not None and body[-_ID:] == _digest_of(key, tenant, account)


def form_token(key: bytes, tenant: UUID, cookie: str) -> str:
    """What a form of ours holds beside the cookie that came with it: another page knows neither."""
    return urlsafe_b64encode(_mark(key, b"form", tenant.bytes + cookie.encode())).rstrip(b"=").decode()


def is_form_token(key: bytes, tenant: UUID, cookie: str, text: str) -> bool:
    return hmac.compare_digest(form_token(key, tenant, cookie).encode(), text.encode())


def hashed(text: bytes) -> bytes:
    """A fast hash is right here: the text is authenticated, and random."""
    return hashlib.sha256(text).digest()


def _digest_of(key: bytes, tenant: UUID, account: str) -> bytes:
    said = tenant.bytes + account.lower().encode()
    return hashlib.blake2b(said, key=key, digest_size=_ID, person=b"harka device").digest()


def _text(key: bytes, kind: bytes, body: bytes) -> str:
    return (kind + urlsafe_b64encode(body + _mark(key, kind, body)).rstrip(b"=")).decode("ascii")


def _opened(key: bytes, kind: bytes, text: bytes, length: int) -> bytes | None:
    encoded = text[len(kind) :]
    try:
        decoded = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except ValueError:
        return None
    body = decoded[:length]
    # as a whole: of the several spellings that decode to the same bytes only ours
    return body if hmac.compare_digest(text, _text(key, kind, body).encode()) else None


def _mark(key: bytes, kind: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(kind + body, key=key, digest_size=_MARK_BYTES, person=b"harka session").digest()
