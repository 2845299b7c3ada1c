"""What may be used once, in all processes together: remembered in Valkey, or else not let through at all."""

import asyncio
import hashlib
import math
import secrets
from typing import Final
from uuid import UUID

from harka.cache.tenant import TenantCache
from harka.errors import TenantRequiredError, UnavailableError

# KEYS[1]: what is used. ARGV: who uses it; seconds to remember it. Answers 1 to the first, also again: the
# answer may have been lost on its way.
_SCRIPT: Final = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return '1' end
if redis.call('GET', KEYS[1]) == ARGV[1] then return '1' end
return '0'
"""
_PAUSES: Final = (0.1, 0.4, 0.0)
"""Seconds after each question that was not answered: there is no other place to ask."""


async def is_first(cache: TenantCache, tenant: UUID, purpose: str, of: str, *, seconds: float) -> bool:
    """Whether nobody has used it, which it now is. `seconds`: after which it is refused by itself.

    Raise `UnavailableError` when Valkey does not answer: what was used before cannot be told then.
    """
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
    name = f"harka:once:{tenant.hex}:{purpose}:{hashlib.sha256(of.encode()).hexdigest()}"
    user, lasting = secrets.token_hex(8), max(1, math.ceil(seconds))
    for pause in _PAUSES:
        answer = await cache.run_script(_SCRIPT, name, user, lasting)
        if answer is not None:
            return answer == b"1"
        await asyncio.sleep(pause)
    raise UnavailableError("Whether it was used before cannot be told at the moment.")
