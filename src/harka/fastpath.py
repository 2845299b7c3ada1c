"""What every request needs before anything else: who is asked for, may they, where their data lives.

The compiled implementation serves where it was built, its pure-Python twin elsewhere; `COMPILED` says which.
"""

from typing import Final

from harka._fastpath_rules import (
    DEDICATED_ABOVE_USERS,
    MALFORMED,
    MEDIUM_ABOVE_USERS,
    MEDIUM_SHARDS,
    NEUTRAL,
    PLAIN_SESSION_COOKIE,
    RESERVED_SUBDOMAINS,
    SESSION_COOKIE,
    SMALL_SHARDS,
    UNKNOWN,
)

try:
    from harka import _fastpath as _chosen

    _compiled = True
except ImportError:
    from harka import _fastpath_py as _chosen  # type: ignore[no-redef]  # a test holds both to one stub

    _compiled = False

__all__ = [
    "COMPILED",
    "DEDICATED_ABOVE_USERS",
    "MALFORMED",
    "MEDIUM_ABOVE_USERS",
    "MEDIUM_SHARDS",
    "NEUTRAL",
    "PLAIN_SESSION_COOKIE",
    "RESERVED_SUBDOMAINS",
    "SESSION_COOKIE",
    "SMALL_SHARDS",
    "UNKNOWN",
    "Bucket",
    "HostTable",
    "Lease",
    "cache_key",
    "enter",
    "open_id",
    "select_shard",
    "siphash64",
    "siphash128",
    "split_request",
]

COMPILED: Final = _compiled

Bucket = _chosen.Bucket
HostTable = _chosen.HostTable
Lease = _chosen.Lease
cache_key = _chosen.cache_key
enter = _chosen.enter
open_id = _chosen.open_id
select_shard = _chosen.select_shard
siphash64 = _chosen.siphash64
siphash128 = _chosen.siphash128
split_request = _chosen.split_request
