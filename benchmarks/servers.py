"""Embedded servers of a benchmark's own, and one tenant in them."""

from typing import Final

import msgspec
from population import Population, fill, found, make_key, settle
from stage import Stage

from harka.config import Settings
from harka.opening import open_runtime
from harka.repositories.organization import Organization
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan

SIZE: Final = Population(users=200, courses=60, enrollments=600)


class Ground(msgspec.Struct, frozen=True):
    """`key`: of the tenant, with every permission."""

    settings: Settings
    tenant: Organization
    key: str

    @property
    def host(self) -> str:
        return f"{self.tenant.slug}.{self.settings.platform_domain}"


async def lay(servers: Stage) -> Ground:
    async with open_runtime(servers.settings) as runtime:
        made = await found(runtime, "bench", plan=Plan.ENTERPRISE, users=SIZE.users, mode=Mode.POOL)
        await fill(runtime, made, SIZE)
        key = await make_key(runtime, made, tuple(Permission))
    await settle(servers.admin_url)
    # what is measured is how an answer is made, not how it is kept
    return Ground(msgspec.structs.replace(servers.settings, cache_answers=False), made, key)
