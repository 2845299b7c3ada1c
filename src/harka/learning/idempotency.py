"""What a client sends twice is done once: the second time it gets the first answer.

The key, what was done and the answer are one transaction, so there is never one without the others. What was
refused has no answer to keep: it may be mended and sent again. Keys are a caller's own: two people, or a
person and a program, may use the same one.
"""

import re
from typing import Final

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


async def take(work: UnitOfWork, key: str, fingerprint: bytes) -> bytes | None:
    """The answer that was given before, or None: then `keep` one before the commit.

    `fingerprint`: 32 bytes, other for another request. Waits while the same is being done. Raise
    `IdempotencyKeyReusedError` when the key was another request's.
    """
    kept = await idempotency.take(work.session, _actor(work), key, fingerprint, older_than=KEPT)
    if kept.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError
    return kept.answer


async def keep(work: UnitOfWork, key: str, answer: bytes) -> None:
    await idempotency.keep(work.session, _actor(work), key, answer)


async def forget_old(work: UnitOfWork) -> int:
    """How many."""
    return await idempotency.delete_old(work.session, older_than=KEPT)


def _actor(work: UnitOfWork) -> str:
    actor = work.context.actor
    return f"{actor.kind}:{actor.id}"
