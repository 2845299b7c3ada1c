"""Documents named by their hash: a client sends a text once, and 64 characters from then on.

The protocol is that of Apollo's automatic persisted queries, which Apollo Client, urql and Relay speak.
"""

import sys
from typing import Final
from uuid import UUID

from cachetools import LRUCache

from harka.cache.tenant import Namespace, TenantCache
from harka.errors import BadRequestError
from harka.graph.trusted import hash_of

_LIFETIME: Final = 86_400.0
"""Seconds, from the last time the text was sent. A client that is told of no such document sends it again."""
_BYTES: Final = 16 * 2**20
"""Of texts that this process keeps at hand."""
_TEXTS: Final = Namespace("document", str, ttl=_LIFETIME)


class PersistedDocuments:
    """Texts by tenant and hash, shared by all processes through the cache.

    What one tenant has sent is not there for another: whether somebody has asked for something is theirs to
    know.
    """

    def __init__(self, cache: TenantCache) -> None:
        self._cache = cache
        self._texts: LRUCache[tuple[UUID, str], str] = LRUCache(_BYTES, getsizeof=sys.getsizeof)

    async def find(self, tenant: UUID, sha256: str) -> str | None:
        known: str | None = self._texts.get((tenant, sha256))
        if known is None:
            known = await self._cache.get_lasting(tenant, _TEXTS, sha256)
            if known is not None:
                self._texts[tenant, sha256] = known
        return known

    async def keep(self, tenant: UUID, sha256: str, text: str, *, budget: int) -> None:
        """`sha256`: of the text, as `require_hash` has found. `budget`: of the tenant's cache, bytes."""
        if (tenant, sha256) in self._texts:
            return
        self._texts[tenant, sha256] = text
        await self._cache.set_lasting(tenant, _TEXTS, sha256, text, budget=budget)


def require_hash(sha256: str, text: str) -> None:
    """Raise `BadRequestError` when the hash, 64 hexadecimal digits, is not that of the text."""
    if hash_of(text) != sha256:
        raise BadRequestError("extensions.persistedQuery.sha256Hash is not the hash of query.")
