"""Links that end e-mails of one kind to one person: good for that alone, however long the e-mail is kept.

`hu_` and then, in base64url, the person, a mark over tenant, person and topic, and the topic.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

_PREFIX: Final = "hu_"
_ID: Final = 16
_MARK_BYTES: Final = 16
_LONGEST: Final = 200


def unsubscribe_token(key: bytes, tenant: UUID, user: UUID, topic: str) -> str:
    """`key`: 32 bytes, see `Keyring.mail`."""
    said = topic.encode()
    body = user.bytes + _mark(key, tenant, user, said) + said
    return _PREFIX + urlsafe_b64encode(body).rstrip(b"=").decode("ascii")


def open_unsubscribe_token(key: bytes, tenant: UUID, text: str) -> tuple[UUID, str] | None:
    """Who, and the topic; None for whatever `unsubscribe_token` did not make for this tenant."""
    encoded = text.removeprefix(_PREFIX)
    if encoded == text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        body = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return None
    if len(body) <= _ID + _MARK_BYTES:
        return None
    user, mark, said = UUID(bytes=body[:_ID]), body[_ID : _ID + _MARK_BYTES], body[_ID + _MARK_BYTES :]
    if not hmac.compare_digest(mark, _mark(key, tenant, user, said)):
        return None
    return user, said.decode()


def _mark(key: bytes, tenant: UUID, user: UUID, topic: bytes) -> bytes:
    body = tenant.bytes + user.bytes + topic
    return hashlib.blake2b(body, key=key, digest_size=_MARK_BYTES, person=b"harka mail").digest()
