"""Arrays of PostgreSQL's own types, told to asyncpg before it asks.

Of each it would ask the catalog by a recursive query: ten milliseconds or more on every new connection.
Their numbers are fixed: `src/include/catalog/pg_type.dat` of PostgreSQL.
"""

from typing import Any, Final

import asyncpg

_UNUSED: Final = (
    "basetype",
    "basetype_name",
    "range_subtype",
    "range_subtype_name",
    "attrtypoids",
    "attrnames",
)


def _array(oid: int, name: str, of: int) -> dict[str, Any]:
    """What asyncpg's own query would answer."""
    return dict.fromkeys(_UNUSED) | {
        "oid": oid,
        "ns": "pg_catalog",
        "name": f"_{name}",
        "kind": b"b",
        "elemtype": of,
        "elemtype_name": name,
        "elemdelim": ",",
        "depth": 0,
    }


_ARRAYS: Final = (
    _array(1000, "bool", 16),
    _array(1001, "bytea", 17),
    _array(1007, "int4", 23),
    _array(1009, "text", 25),
    _array(1016, "int8", 20),
    _array(1022, "float8", 701),
    _array(1182, "date", 1082),
    _array(1185, "timestamptz", 1184),
    _array(2951, "uuid", 2950),
)


def introduce(connection: asyncpg.Connection) -> None:
    """Once, before first use."""
    connection._protocol.get_settings().register_data_types(_ARRAYS)  # noqa: SLF001 - it has no public way for several
