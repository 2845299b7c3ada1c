"""What may be used once, in all processes together: remembered in Valkey, or else not let through at all."""

import hashlib
import math
from typing import Final
from uuid import UUID

from harka.cache.tenant import TenantCache
from harka.errors import TenantRequiredError, UnavailableError

# KEYS[1]: what is used. ARGV: seconds to remember it. Answers 1 the first time.
_SCRIPT: Final = "if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return '1' end return '0'"


async def is_first(cache: TenantCache, tenant: UUID, purpose: str, of: str, *, seconds: float) -> bool:
    """Whether nobody has used it, which it now is. `seconds`: after which it is refused by itself.

    Raise `UnavailableError` when Valkey does not answer: what was used before cannot be told then.
    """
    if not isinstance(tenant, UUID):
        raise TenantRequiredError
    name = f"harka:once:{tenant.hex}:{purpose}:{hashlib.sha256(of.encode()).hexdigest()}"
    answer = await cache.run_script(_SCRIPT, name, max(1, math.ceil(seconds)))
    if answer is None:
        raise UnavailableError("Whether it was used before cannot be told at the moment.")
    return answer == b"1"
