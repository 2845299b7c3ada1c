"""A challenge that is good once: sealed, carried by the page that asked for it, and brought back."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.auth.passkey import CHALLENGE_BYTES
from harka.cache.throttle import Rate
from harka.codec import json_bytes
from harka.crypto import envelope
from harka.learning.entrance import Entrance
from harka.tenancy.context import TenantContext

_SECONDS: Final = 300
_ONCE: Final = Rate("passkey", most=1, seconds=_SECONDS + 60.0)


class Ceremony(msgspec.Struct, frozen=True):
    """`user`: who asked for it; None for somebody who has still to show who they are."""

    challenge: bytes
    user: UUID | None
    began_at: int


def begin(entrance: Entrance, context: TenantContext, user: UUID | None) -> tuple[bytes, str]:
    """A challenge, and what has to be brought back with its answer."""
    made = Ceremony(os.urandom(CHALLENGE_BYTES), user, int(clock.now().timestamp()))
    content = json_bytes(msgspec.to_builtins(made))
    box = envelope.seal(entrance.keyring.seal, content, tenant=context.id, purpose=_purpose(user))
    return made.challenge, urlsafe_b64encode(box).decode("ascii")


async def spend(entrance: Entrance, context: TenantContext, user: UUID | None, text: str) -> bytes | None:
    """The challenge; None for one of somebody else, of another organization, too old, or used before."""
    try:
        box = urlsafe_b64decode(text.encode("ascii"))
        content = envelope.open_sealed(entrance.keyring.seal, box, tenant=context.id, purpose=_purpose(user))
        ceremony = msgspec.json.decode(content, type=Ceremony)
    except (ValueError, envelope.BrokenSealError):
        return None
    if clock.now().timestamp() - ceremony.began_at > _SECONDS:
        return None
    if await entrance.throttle.take(context.id, _ONCE, ceremony.challenge.hex()) > 0.0:
        return None
    return ceremony.challenge


def _purpose(user: UUID | None) -> str:
    return f"passkey:{user or 'anybody'}"
