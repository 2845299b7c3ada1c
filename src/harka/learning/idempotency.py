"""What a client sends twice is done once: the second time it gets the first answer.

The key, what was done and the answer are one transaction, so there is never one without the others. What was
refused has no answer to keep: it may be mended and sent again. Keys are a caller's own: two people, or a
person and a program, may use the same one.

An answer may hold what is told once, such as an API key, and a request a password: the answer is kept sealed,
of the request a keyed hash alone. `secret` is that of `Keyring.idempotency`.
"""

import hashlib
import re
from typing import Final

from harka.crypto import envelope
from harka.errors import BadRequestError, IdempotencyKeyReusedError
from harka.learning.work import UnitOfWork
from harka.repositories import idempotency

KEPT: Final = 24 * 3600.0
"""Seconds."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def accepted(key: str) -> str:
    """The key. Raise `BadRequestError` when it is none."""
    if not _KEY.fullmatch(key):
        raise BadRequestError("An idempotency key is 1 to 255 visible characters of ASCII, without spaces.")
    return key


async def take(work: UnitOfWork, key: str, fingerprint: bytes, *, secret: bytes) -> bytes | None:
    """The answer that was given before, or None: then `keep` one before the commit.

    `fingerprint`: 32 bytes, other for another request. Waits while the same is being done. Raise
    `IdempotencyKeyReusedError` when the key was another request's, or was used under another `secret`.
    """
    asked = work.context.id.bytes + _purpose(work, key).encode("ascii") + fingerprint
    marked = hashlib.blake2b(asked, digest_size=32, key=secret).digest()
    kept = await idempotency.take(work.session, _actor(work), key, marked, older_than=KEPT)
    if kept.fingerprint != marked:
        raise IdempotencyKeyReusedError
    if kept.answer is None:
        return None
    return envelope.open_sealed(secret, kept.answer, tenant=work.context.id, purpose=_purpose(work, key))


async def keep(work: UnitOfWork, key: str, answer: bytes, *, secret: bytes) -> None:
    box = envelope.seal(secret, answer, tenant=work.context.id, purpose=_purpose(work, key))
    await idempotency.keep(work.session, _actor(work), key, box)


async def forget_old(work: UnitOfWork) -> int:
    """How many."""
    return await idempotency.delete_old(work.session, older_than=KEPT)


def _purpose(work: UnitOfWork, key: str) -> str:
    """What an answer is sealed for: it opens nowhere else."""
    return f"idempotency:{_actor(work)}:{key}"


def _actor(work: UnitOfWork) -> str:
    actor = work.context.actor
    return f"{actor.kind}:{actor.id}"
