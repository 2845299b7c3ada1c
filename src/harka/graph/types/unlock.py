import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from harka.graph.context import Info, RequestContext
from harka.graph.field import field, graph_type, leaf
from harka.graph.loaders.module import ModuleByIdLoader
from harka.graph.types import later
from harka.repositories.module import Module
from harka.repositories.unlock import Lock, Unlock


async def _requires(root: Unlock, info: Info) -> list[Module]:
    return await _modules(info.context, root.requires)


async def _missing(root: Lock, info: Info) -> list[Module]:
    return await _modules(info.context, root.missing)


async def _modules(context: RequestContext, ids: Sequence[UUID]) -> list[Module]:
    # one by one, so that those of all modules are read together
    loader = context.loaders.of(ModuleByIdLoader)
    found = await asyncio.gather(*(loader.load(each) for each in ids))
    return [each for each in found if each is not None]


@graph_type
class ModuleUnlock:
    """When a module opens for a learner: when all of this is so."""

    opens_at: datetime | None = leaf("From this time on; null for any.")
    opens_after_days: int | None = leaf("So many times 24 hours after they enrolled; null for at once.")
    requires: list[later.Module] = field(
        _requires, "Earlier modules, in order, of which they have finished every lesson that counts."
    )


@graph_type
class ModuleLock:
    """Why a module is closed for the caller."""

    opens_at: datetime | None = leaf(
        "The earliest time it opens; null when no date is in the way, or for who is not enrolled."
    )
    missing: list[later.Module] = field(_missing, "The modules they must complete first, in order.")
