from uuid import UUID

import msgspec

from harka.storage.catalog import CatalogAccess
from harka.storage.location import Location
from harka.storage.statement import CatalogStatement


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tenant's rows are. `mode`: POOL, SCHEMA or DEDICATED. `epoch` grows with every move."""

    tenant_id: UUID
    shard: str
    mode: str
    database: str
    schema: str
    epoch: int

    @property
    def location(self) -> Location:
        return Location(self.database, self.schema)


# Where one tenant is.
FIND = CatalogStatement(
    "placement.find",
    "SELECT tenant_id, shard, mode, database, schema, epoch FROM control.placement WHERE tenant_id = $1",
)

# A tenant's first home.
INSERT = CatalogStatement(
    "placement.insert",
    """INSERT INTO control.placement (tenant_id, shard, mode, database, schema, epoch)
    VALUES ($1, $2, $3, $4, $5, $6)""",
)

# Whether some tenant lives there.
INHABITED = CatalogStatement(
    "placement.inhabited",
    "SELECT EXISTS (SELECT FROM control.placement WHERE database = $1 AND schema = $2)",
)

# A tenant's next home, unless somebody else has moved it meanwhile.
MOVE = CatalogStatement(
    "placement.move",
    """UPDATE control.placement
    SET shard = $2, mode = $3, database = $4, schema = $5, epoch = epoch + 1, updated_at = now()
    WHERE tenant_id = $1 AND epoch = $6
    RETURNING tenant_id, shard, mode, database, schema, epoch""",
)


async def find(catalog: CatalogAccess, tenant: UUID) -> Placement | None:
    row = await catalog.fetch_row(FIND, tenant)
    return None if row is None else Placement(**row)


async def is_inhabited(catalog: CatalogAccess, location: Location) -> bool:
    """Whether a tenant lives there, so that it has been made."""
    return bool(await catalog.fetch_value(INHABITED, location.database, location.schema))


async def insert(catalog: CatalogAccess, placement: Placement) -> None:
    """Raise `UniqueError` (placement_own_home) when another tenant owns that schema or database."""
    await catalog.execute(INSERT, *msgspec.structs.astuple(placement))


async def move(catalog: CatalogAccess, placement: Placement) -> Placement | None:
    """`placement.epoch`: the one that was read. None: the tenant is gone, or was moved since."""
    row = await catalog.fetch_row(MOVE, *msgspec.structs.astuple(placement))
    return None if row is None else Placement(**row)
