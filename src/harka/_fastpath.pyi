from typing import Final, final

__all__ = [
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

NEUTRAL: Final = -1
UNKNOWN: Final = -2
MALFORMED: Final = -3
RESERVED_SUBDOMAINS: Final[frozenset[str]]
SESSION_COOKIE: Final[str]
PLAIN_SESSION_COOKIE: Final[str]
DEDICATED_ABOVE_USERS: Final[int]
MEDIUM_ABOVE_USERS: Final[int]
MEDIUM_SHARDS: Final[int]
SMALL_SHARDS: Final[int]

@final
class HostTable:
    def __init__(
        self,
        platform_domain: str,
        subdomains: dict[str, int],
        domains: dict[str, int],
        key_prefixes: dict[str, int],
    ) -> None: ...
    def resolve(
        self, headers: list[tuple[bytes, bytes]], forwarded: bool
    ) -> tuple[int, bytes | None, bytes | None, bytes | None]: ...
    def tenant_of_key(self, prefix: str) -> int: ...

@final
class Bucket:
    def __init__(self, rate: float, burst: int) -> None: ...
    def take(self, now: float, cost: float = 1.0) -> float: ...
    def settle(self, now: float, change: float) -> float: ...
    def reconfigure(self, rate: float, burst: int) -> None: ...

@final
class Lease:
    def __init__(self, toll: float) -> None: ...
    @property
    def tokens(self) -> float: ...
    @property
    def until(self) -> float: ...
    def take(self, now: float, amount: float) -> bool: ...
    def put(self, amount: float) -> None: ...
    def grant(self, amount: float, until: float, low: float) -> None: ...
    def drain(self, keep: float) -> float: ...
    def demand(self) -> float: ...

def enter(leases: tuple[Lease, ...], now: float) -> int: ...
def cache_key(
    key: bytes,
    tenant: bytes,
    generation: int,
    schema_version: int,
    namespace: str,
    parts: tuple[str | int | bytes | None, ...],
) -> str: ...
def select_shard(tenant: bytes, users: int) -> str: ...
def open_id(key: bytes, tenant: bytes, text: str) -> bytes | None: ...
def split_request(start: bytes, data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes] | None: ...
def siphash64(key: bytes, data: bytes) -> int: ...
def siphash128(key: bytes, data: bytes) -> bytes: ...
