"""Identifiers: UUIDv7 for rows, sealed tenant-bound ids for the outside.

A node id is `base64url(kind[1] uuid[16] tag[8])` without padding, 34 characters. The tag is SipHash-2-4, a
keyed hash made for tagging short texts, over tenant, kind and uuid, so an id of another tenant, or an
invented one, is refused before any SQL runs, and both are refused alike. Eight bytes of tag leave an online
forger one chance in 2^64 a guess. `_executor.pyx` writes the same ids into answers.
"""

import enum
import os
import time
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Final
from uuid import UUID, SafeUUID

from harka.errors import InvalidIdError
from harka.fastpath import open_id, siphash64

_TAG_BYTES = 8
_SEALED_CHARACTERS = 34


_set_slot = object.__setattr__
_SAFETY: Final = SafeUUID.unknown


class NodeKind(enum.IntEnum):
    """What a node id names. The numbers are on clients' disks: never reuse one."""

    ORGANIZATION = 1
    USER = 2
    COURSE = 3
    MODULE = 4
    LESSON = 5
    ENROLLMENT = 6
    LESSON_PROGRESS = 7
    COMPLETION = 8
    GROUP = 9
    CERTIFICATE = 10
    CONTENT_ITEM = 20
    CUSTOM_ROLE = 40
    DOMAIN = 60
    INVITATION = 41
    BRANDING = 61
    QUIZ = 30
    QUIZ_QUESTION = 31
    QUIZ_ATTEMPT = 32
    FILE = 34
    ASSIGNMENT = 35
    SUBMISSION = 36
    CATEGORY = 50
    TAG = 51
    LEARNING_PATH = 52
    LEARNING_PATH_ENROLLMENT = 53
    SESSION = 80
    API_KEY = 81
    EVENT = 82
    WEBHOOK_ENDPOINT = 83
    WEBHOOK_DELIVERY = 84
    TENANT_JOB = 70
    COURSE_VERSION = 94
    BULK_CHANGE = 87
    BULK_OPERATION = 88
    SSO_CONNECTION = 90
    SSO_ATTEMPT = 91
    MAIL_SENDER = 93
    SCIM_TOKEN = 95
    PASSKEY = 99


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then randomness: later milliseconds sort later."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(
        int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (random >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | random & 0x3FFF_FFFF_FFFF_FFFF
    )


def earliest_id(moment: datetime) -> UUID:
    """Sorts before every id made from `moment` (timezone-aware) on, and after those made before."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


class NodeIds:
    """Seals and opens node ids under one key (32 bytes, see `crypto.keyring`)."""

    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        self.key: Final = key[:16]

    def seal(self, tenant: UUID, kind: NodeKind, id_: UUID) -> str:
        body = bytes((kind,)) + id_.bytes
        return urlsafe_b64encode(body + self._tag(tenant, body))[:_SEALED_CHARACTERS].decode("ascii")

    def open(self, tenant: UUID, text: str) -> tuple[NodeKind, UUID]:
        """Raise `InvalidIdError` for whatever this tenant's `seal` did not make."""
        body = open_id(self.key, tenant.bytes, text)
        if body is None:
            raise InvalidIdError
        return NodeKind(body[0]), _uuid(body[1:])

    def open_as(self, tenant: UUID, kind: NodeKind, text: str, *, field: str | None = None) -> UUID:
        """Like `open`, and raise `InvalidIdError`, of `field`, when the id names another kind of thing."""
        body = open_id(self.key, tenant.bytes, text)
        if body is None or body[0] != kind:
            raise InvalidIdError(field=field)
        return _uuid(body[1:])

    def _tag(self, tenant: UUID, body: bytes) -> bytes:
        return siphash64(self.key, tenant.bytes + body).to_bytes(_TAG_BYTES, "little")


def _uuid(data: bytes) -> UUID:
    """`UUID(bytes=data)` in a third of its time: it asks first which of six ways it was called."""
    made = UUID.__new__(UUID)
    _set_slot(made, "int", int.from_bytes(data))
    _set_slot(made, "is_safe", _SAFETY)
    return made
