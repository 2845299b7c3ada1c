"""The placement policy (DESIGN §5): a first home by size and hash, and when a new size asks for a move.

After the first home only the catalog says where a tenant is; nothing here is asked on a request.
"""

import enum
from uuid import UUID

from harka.config import Settings
from harka.fastpath import DEDICATED_ABOVE_USERS, MEDIUM_ABOVE_USERS, select_shard
from harka.repositories.placement import Placement
from harka.storage.location import database_of

# a tenant that hovers around a threshold must not be moved back and forth
_GROW_FACTOR = 1.1
_SHRINK_FACTOR = 0.7


class Mode(enum.StrEnum):
    """The values are what `control.placement.mode` holds."""

    POOL = "POOL"
    SCHEMA = "SCHEMA"
    DEDICATED = "DEDICATED"


class Size(enum.IntEnum):
    SMALL = 0
    MEDIUM = 1
    DEDICATED = 2


def first_home(settings: Settings, tenant: UUID, users: int, mode: Mode | None = None) -> Placement:
    """Where a tenant that expects `users` users begins. `mode` None: DEDICATED for the largest, else POOL.

    An asked-for DEDICATED gets the dedicated shard whatever its size.
    """
    dedicated = mode is Mode.DEDICATED
    shard = select_shard(tenant.bytes, max(users, DEDICATED_ABOVE_USERS + 1) if dedicated else users)
    chosen = mode or (Mode.DEDICATED if size_of(users) is Size.DEDICATED else Mode.POOL)
    return Placement(
        tenant_id=tenant,
        shard=shard,
        mode=chosen,
        database=f"harka_{tenant.hex}" if chosen is Mode.DEDICATED else database_of(settings, shard),
        schema=shard if chosen is Mode.POOL else f"tenant_{tenant.hex}",
        epoch=1,
    )


def size_of(users: int) -> Size:
    if users > DEDICATED_ABOVE_USERS:
        return Size.DEDICATED
    return Size.MEDIUM if users > MEDIUM_ABOVE_USERS else Size.SMALL


def needs_move(placement: Placement, users: int) -> bool:
    """Tell whether `users` outgrow the shard by 10 %, or fell below 70 % of its lower threshold.

    In SCHEMA and DEDICATED mode the home was chosen, and only growth asks for a move.
    """
    current = _size_of_shard(placement.shard)
    if size_of(round(users / _GROW_FACTOR)) > current:
        return True
    return placement.mode == Mode.POOL and size_of(round(users / _SHRINK_FACTOR)) < current


def _size_of_shard(shard: str) -> Size:
    kind = shard.removeprefix("shard_").partition("_")[0]
    return Size[kind.upper()] if kind.upper() in Size.__members__ else Size.SMALL
