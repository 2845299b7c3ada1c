from typing import Any

import pytest

from harka.cache.once import is_first
from harka.cache.tenant import TenantCache
from harka.errors import TenantRequiredError, UnavailableError
from harka.ids import new_id

KEY = b"k" * 16


async def test_what_was_used_is_used_in_every_process(servers: Any) -> None:
    one, other = TenantCache(servers.redis_url, KEY), TenantCache(servers.redis_url, KEY)
    tenant = new_id()
    assert await is_first(one, tenant, "test", "a", seconds=60.0)
    for cache in (one, other):
        assert not await is_first(cache, tenant, "test", "a", seconds=60.0)
    # another's, of another kind, and of another organization
    assert await is_first(other, tenant, "test", "b", seconds=60.0)
    assert await is_first(other, tenant, "else", "a", seconds=60.0)
    assert await is_first(other, new_id(), "test", "a", seconds=60.0)
    for cache in (one, other):
        await cache.close()


async def test_what_cannot_be_remembered_is_refused() -> None:
    for url in (None, "redis://127.0.0.1:1"):
        cache = TenantCache(url, KEY)
        with pytest.raises(UnavailableError):
            await is_first(cache, new_id(), "test", "a", seconds=60.0)
        await cache.close()


async def test_without_an_organization_there_is_nothing(servers: Any) -> None:
    cache = TenantCache(servers.redis_url, KEY)
    with pytest.raises(TenantRequiredError):
        await is_first(cache, None, "test", "a", seconds=60.0)  # type: ignore[arg-type]  # that is the point
    await cache.close()


async def test_an_answer_that_was_lost_is_asked_for_again(
    servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, tenant, lost = TenantCache(servers.redis_url, KEY), new_id(), iter((True, False, True, False))
    real = TenantCache.run_script

    async def losing(self: TenantCache, script: str, key: str, *arguments: float | str) -> bytes | None:
        answer = await real(self, script, key, *arguments)
        return None if next(lost) else answer

    monkeypatch.setattr(TenantCache, "run_script", losing)
    assert await is_first(cache, tenant, "test", "a", seconds=60.0)
    assert not await is_first(cache, tenant, "test", "a", seconds=60.0)
    await cache.close()
