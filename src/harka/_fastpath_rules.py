"""What both implementations of the fast path share: constants, argument checks, the index of host names.

Nothing here runs on the hot path of the extension, except to raise.
"""

import math
import re
import struct
from collections.abc import Mapping
from typing import Final

NEUTRAL: Final = -1
UNKNOWN: Final = -2
MALFORMED: Final = -3

RESERVED_SUBDOMAINS: Final = frozenset({
    "www", "api", "admin", "app", "auth", "static", "cdn", "mail", "status", "support", "help", "docs",
    "dashboard", "metrics", "root", "system", "internal",
})  # fmt: skip

MAX_HOST_BYTES: Final = 253
MAX_LABEL_BYTES: Final = 63
MAX_API_KEY_BYTES: Final = 256
MAX_AUTHORIZATION_BYTES: Final = 8192
MAX_SESSION_BYTES: Final = 4096

MAX_PLAIN_HEAD_BYTES: Final = 16_384
MAX_PLAIN_HEADERS: Final = 64
MAX_LENGTH_DIGITS: Final = 8
FOR_THE_PARSER: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"})
"""Headers that change how a message is read: whoever sends one is read by the full parser."""

SESSION_COOKIE: Final = "__Host-harka"
PLAIN_SESSION_COOKIE: Final = "harka"

DEDICATED_ABOVE_USERS: Final = 1000
MEDIUM_ABOVE_USERS: Final = 100
MEDIUM_SHARDS: Final = 10
SMALL_SHARDS: Final = 50

BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# Kinds of parts in a cache key. They are hashed, so a change makes every cached value a miss.
NONE_PART: Final = 0
TEXT_PART: Final = 1
BYTES_PART: Final = 2
INTEGER_PART: Final = 3
BIG_INTEGER_PART: Final = 4
BOOLEAN_PART: Final = 5

# One millionth of a token: absorbs the rounding of `now`, so that waiting the answered time is enough.
BUCKET_SLACK: Final = 1e-6
# Past 2^53 a float no longer tells one token from the next.
MAX_BURST: Final = 2**53

LABEL: Final = rf"[a-z0-9](?:[a-z0-9-]{{0,{MAX_LABEL_BYTES - 2}}}[a-z0-9])?"
NAME: Final = rf"{LABEL}(?:\.{LABEL})*"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
LOOPBACK: Final = re.compile(rf"127(?:\.{_OCTET}){{3}}".encode())
_LABEL_TEXT = re.compile(LABEL)
_NAME_TEXT = re.compile(NAME)

MAX_AUTHORITY_BYTES: Final = MAX_HOST_BYTES + len(".:65535")
MAX_PORT: Final = 65535
ID_BYTES: Final = 16


def host_index(platform_domain: str, subdomains: dict[str, int], domains: dict[str, int]) -> dict[bytes, int]:
    """Every full host name that means something, ready for one look-up."""
    platform = _platform(platform_domain)
    under: dict[bytes, int] = {}
    for label, tenant in _claims(subdomains).items():
        if _LABEL_TEXT.fullmatch(label) and label not in RESERVED_SUBDOMAINS:
            under[f"{label}.{platform}".encode()] = tenant
    own = {name.encode(): tenant for name, tenant in _claims(domains).items() if _NAME_TEXT.fullmatch(name)}
    neutral = (platform.encode(), b"localhost", b"[::1]", *filter(LOOPBACK.fullmatch, own))
    # in the order of precedence, last wins: no tenant may claim the neutral names
    return under | own | dict.fromkeys(neutral, NEUTRAL)


def key_index(key_prefixes: dict[str, int]) -> dict[str, int]:
    return {prefix: _tenant_index(tenant) for prefix, tenant in key_prefixes.items()}


def session_cookies(platform_domain: str) -> frozenset[bytes]:
    """Cookie names to read: over plain http a browser refuses `__Host-`, and only development is plain http.

    Elsewhere the plain name stays unread, because any subdomain could set it for its neighbours.
    """
    names = {SESSION_COOKIE.encode()}
    if f".{_platform(platform_domain)}".endswith(".localhost"):
        names.add(PLAIN_SESSION_COOKIE.encode())
    return frozenset(names)


def counter(name: str, value: int) -> int:
    if not isinstance(value, int):
        raise type_error(name, "int", value)
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{name} must be from 0 to 2^63-1")
    return int(value)


def number(name: str, value: float) -> float:
    if not isinstance(value, (int, float)):
        raise type_error(name, "a number", value)
    return float(value)


def bucket_limits(rate: float, burst: int) -> tuple[float, float]:
    rate = number("rate", rate)
    if not 0.0 < rate < math.inf:
        raise ValueError("rate must be finite and above 0")
    if not isinstance(burst, int):
        raise type_error("burst", "int", burst)
    if not 1 <= burst <= MAX_BURST:
        raise ValueError("burst must be from 1 to 2^53")
    return rate, float(burst)


def lease_toll(toll: float) -> float:
    toll = number("toll", toll)
    if not 0.0 <= toll < math.inf:
        raise ValueError("toll must be finite and not negative")
    return toll


def lease_amount(amount: float) -> float:
    amount = number("amount", amount)
    if not math.isfinite(amount):
        raise ValueError("amount must be finite")
    return amount


def key_text(
    tenant: bytes, generation: int, version: int, namespace: str, parts: tuple[str | int | bytes | None, ...]
) -> bytes:
    """What a cache key is the hash of; unlike arguments never read alike, since every part tells its end.

    Raise `ValueError` on a lone surrogate, `TypeError` on a part of another type.
    """
    words = struct.pack("<qq", generation, version)
    return tenant + words + b"".join(map(_key_part, (namespace, *parts)))


def _key_part(value: str | int | bytes | None) -> bytes:
    """Its kind, with what it is or how long it is, in one word, and then whole words: hashing splits none."""
    match value:
        case None:
            return _word(0, NONE_PART)
        case bool():
            return _word(value, BOOLEAN_PART)
        case str():
            return _sized(str.encode(value), TEXT_PART)
        case int() if -(1 << 55) <= value < 1 << 55:
            return _word(value, INTEGER_PART)
        case int():
            return _sized(big_integer(value), BIG_INTEGER_PART)
        case bytes():
            return _sized(value, BYTES_PART)
        case _:
            raise type_error("part", "str, int, bytes or None", value)


def _sized(data: bytes, kind: int) -> bytes:
    return _word(len(data), kind) + data + bytes(-len(data) % 8)


def _word(value: int, kind: int) -> bytes:
    return (int(value) << 8 | kind).to_bytes(8, "little", signed=True)


def big_integer(value: int) -> bytes:
    """Two's complement, little-endian, with room for the sign."""
    return int(value).to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def take_error(now: float) -> ValueError:
    if not math.isfinite(now):
        return ValueError("now must be finite")
    return ValueError("cost must be finite and not negative")


def settle_error(now: float) -> ValueError:
    return ValueError("change must be finite" if math.isfinite(now) else "now must be finite")


def require_bytes16(name: str, value: bytes) -> None:
    if type(value) is not bytes:
        raise type_error(name, "bytes", value)
    if len(value) != ID_BYTES:
        raise ValueError(f"{name} must be 16 bytes, not {len(value)}")


def headers_error() -> TypeError:
    return TypeError("headers must be a list of (name, value) tuples of bytes")


def type_error(name: str, wanted: str, value: object) -> TypeError:
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def _platform(domain: str) -> str:
    if type(domain) is not str:
        raise type_error("platform_domain", "str", domain)
    name = domain.lower() if domain.isascii() else domain
    if len(name) > MAX_HOST_BYTES or not _NAME_TEXT.fullmatch(name):
        raise ValueError(f"platform domain is not a host name: {domain!r}")
    return name


def _claims(names: Mapping[str, int]) -> dict[str, int]:
    claimed: dict[str, int] = {}
    for name, index in names.items():
        tenant = _tenant_index(index)
        # ASCII first: lower() turns the Kelvin sign into a plain k
        folded = name.lower() if name.isascii() else name
        if claimed.setdefault(folded, tenant) != tenant:
            claimed[folded] = UNKNOWN
    return claimed


def _tenant_index(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"tenant index must be 0 or more, not {value!r}")
    return int(value)
