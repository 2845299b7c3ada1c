"""The fast path in plain Python: answer for answer and error for error what `_fastpath.pyx` gives.

It serves where no C compiler built the extension.
"""

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, final

from harka._fastpath_quota_py import Bucket, Lease, enter
from harka._fastpath_rules import (
    BASE64URL,
    DEDICATED_ABOVE_USERS,
    FOR_THE_PARSER,
    LOOPBACK,
    MALFORMED,
    MAX_API_KEY_BYTES,
    MAX_AUTHORITY_BYTES,
    MAX_AUTHORIZATION_BYTES,
    MAX_HOST_BYTES,
    MAX_LENGTH_DIGITS,
    MAX_PLAIN_HEAD_BYTES,
    MAX_PLAIN_HEADERS,
    MAX_PORT,
    MAX_SESSION_BYTES,
    MEDIUM_ABOVE_USERS,
    MEDIUM_SHARDS,
    NAME,
    NEUTRAL,
    PLAIN_SESSION_COOKIE,
    RESERVED_SUBDOMAINS,
    SESSION_COOKIE,
    SMALL_SHARDS,
    UNKNOWN,
    counter,
    headers_error,
    host_index,
    key_index,
    key_text,
    require_bytes16,
    session_cookies,
    type_error,
)

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

_HOST = re.compile(rf"({NAME})\.?(?::([0-9]{{1,5}}))?".encode())
_IPV6 = re.compile(rb"(\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_LENGTH = re.compile(rb"[0-9]{1,%d}" % MAX_LENGTH_DIGITS)
_BEARER = re.compile(rb"(?i:bearer) +([!-~]+)")
_VISIBLE = re.compile(rb"[!-~]+")

_NODE_ID = re.compile(f"[{re.escape(BASE64URL)}]{{34}}")

_DIRECT = frozenset((b"host", b"x-api-key", b"authorization"))
_FORWARDED = _DIRECT | {b"x-forwarded-host"}

Resolved = tuple[int, bytes | None, bytes | None, bytes | None]
_REFUSED: Final[Resolved] = (MALFORMED, None, None, None)


@final
class HostTable:
    """Who answers at which address: one snapshot of the catalog, never changed once made.

    The ints are the tenants' indexes in that snapshot, 0 or more. Keys that no request could name (capitals
    are folded first) and reserved subdomains are left out: one bad row must not take the others down. A name
    that two tenants claim belongs to neither. Raise `ValueError` on a bad platform domain or index.
    """

    __slots__ = ("_cookies", "_hosts", "_keys")

    def __init__(
        self,
        platform_domain: str,
        subdomains: dict[str, int],
        domains: dict[str, int],
        key_prefixes: dict[str, int],
    ) -> None:
        self._hosts = host_index(platform_domain, subdomains, domains)
        self._keys = key_index(key_prefixes)
        self._cookies = session_cookies(platform_domain)

    def resolve(self, headers: list[tuple[bytes, bytes]], forwarded: bool) -> Resolved:  # noqa: FBT001 - hot: a keyword costs time
        """Answer (tenant index or NEUTRAL, UNKNOWN, MALFORMED; API key; bearer token; session cookie).

        `headers` as ASGI gives them, names in lower case (a server that breaks this is not understood).
        `forwarded`: the peer is a trusted proxy, so X-Forwarded-Host stands for Host. The credentials are
        well-formed bytes, not verified ones; with MALFORMED they are all None.
        """
        single = _FORWARDED if forwarded else _DIRECT
        if type(headers) is not list:
            raise headers_error()
        seen: dict[bytes, bytes] = {}
        session: bytes | None = None
        for header in headers:
            if type(header) is not tuple or len(header) != 2:  # noqa: PLR2004 - name, value
                raise headers_error()
            name, value = header
            if type(name) is not bytes or type(value) is not bytes:
                raise headers_error()
            if name in single:
                if name in seen:
                    return _REFUSED
                seen[name] = value
            elif name == b"cookie" and b"harka" in value:
                for found in self._sessions(value):
                    if session is not None or not _is_credential(found, MAX_SESSION_BYTES):
                        return _REFUSED
                    session = found
        return self._resolved(seen, session)

    def tenant_of_key(self, prefix: str) -> int:
        """Index of the tenant whose API key begins so, or UNKNOWN."""
        if type(prefix) is not str:
            raise type_error("prefix", "str", prefix)
        return self._keys.get(prefix, UNKNOWN)

    def _resolved(self, seen: dict[bytes, bytes], session: bytes | None) -> Resolved:
        host = seen.get(b"host")
        if host is None:
            return _REFUSED
        tenant = self._tenant_of_host(seen.get(b"x-forwarded-host", host))
        if tenant == MALFORMED:
            return _REFUSED
        key = seen.get(b"x-api-key")
        if key is not None and not _is_credential(key, MAX_API_KEY_BYTES):
            return _REFUSED
        authorization = seen.get(b"authorization")
        if authorization is None:
            return tenant, key, None, session
        bearer = _BEARER.fullmatch(authorization) if len(authorization) <= MAX_AUTHORIZATION_BYTES else None
        return _REFUSED if bearer is None else (tenant, key, bearer[1], session)

    def _tenant_of_host(self, host: bytes) -> int:
        if len(host) > MAX_AUTHORITY_BYTES:
            return MALFORMED
        host = host.lower()
        match = _HOST.fullmatch(host) or _IPV6.fullmatch(host)
        if match is None:
            return MALFORMED
        name, port = match.groups()
        if len(name) > MAX_HOST_BYTES or (port is not None and int(port) > MAX_PORT):
            return MALFORMED
        tenant = self._hosts.get(name)
        if tenant is not None:
            return tenant
        return NEUTRAL if LOOPBACK.fullmatch(name) else UNKNOWN

    def _sessions(self, cookies: bytes) -> list[bytes]:
        found = []
        for cookie in cookies.split(b";"):
            name, separator, value = cookie.partition(b"=")
            if separator and name.strip(b" \t") in self._cookies:
                found.append(value.strip(b" \t"))
        return found


def cache_key(
    key: bytes,
    tenant: bytes,
    generation: int,
    schema_version: int,
    namespace: str,
    parts: tuple[str | int | bytes | None, ...],
) -> str:
    """Answer `<tenant hex>:<generation>:<SipHash-2-4-128 hex>`.

    `key`: 16 secret bytes; `tenant`: the 16 bytes of its id; `generation` and `schema_version`: 0 to 2^63-1.
    `key_text` is what is hashed. Raise `ValueError` on a wrong size or range or a lone surrogate, `TypeError`
    on other types.
    """
    require_bytes16("key", key)
    require_bytes16("tenant", tenant)
    generation = counter("generation", generation)
    version = counter("schema_version", schema_version)
    if not isinstance(namespace, str):
        raise type_error("namespace", "str", namespace)
    if type(parts) is not tuple:
        raise type_error("parts", "tuple", parts)
    hashed = siphash128(key, key_text(tenant, generation, version, namespace, parts))
    return f"{tenant.hex()}:{generation}:{hashed.hex()}"


def select_shard(tenant: bytes, users: int) -> str:
    """First home of a tenant (16 bytes) with that many users; the catalog decides ever after.

    The hash is SipHash-2-4-64 of the tenant under an all-zero key, so the answer is the same for ever and on
    every machine. Raise `ValueError` on a wrong size or range, `TypeError` on other types.
    """
    require_bytes16("tenant", tenant)
    users = counter("users", users)
    if users > DEDICATED_ABOVE_USERS:
        return f"shard_dedicated_{tenant.hex()}"
    placed = siphash64(bytes(16), tenant)
    if users > MEDIUM_ABOVE_USERS:
        return f"shard_medium_{placed % MEDIUM_SHARDS}"
    return f"shard_small_{placed % SMALL_SHARDS}"


def open_id(key: bytes, tenant: bytes, text: str) -> bytes | None:
    """What a node id names, as kind and id: 17 bytes; None when it is not this tenant's. See `harka.ids`.

    `key`, `tenant`: 16 bytes. Raise `ValueError` on a wrong size, `TypeError` on other types.
    """
    require_bytes16("key", key)
    require_bytes16("tenant", tenant)
    if type(text) is not str:
        raise type_error("text", "str", text)
    if not _NODE_ID.fullmatch(text):
        return None
    sealed = urlsafe_b64decode(text + "==")
    # 34 characters carry 4 spare bits: only the canonical spelling is an id
    if urlsafe_b64encode(sealed)[: len(text)].decode("ascii") != text:
        return None
    body, tag = sealed[:17], sealed[17:]
    wanted = siphash64(key, tenant + body).to_bytes(8, "little")
    return body if hmac.compare_digest(tag, wanted) else None


def split_request(start: bytes, data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
    """Headers, names in lower case, and body of an HTTP/1.1 request that is plain and all there.

    None for any other, which need not be wrong: the full parser reads it. `start`: the request line with its
    CRLF. Plain: each header is one line of a token, a colon, visible bytes and single bytes of space between
    them; one content-length, which is that of the rest; nothing that changes how a message is read.
    """
    for name, value in (("start", start), ("data", data)):
        if type(value) is not bytes:
            raise type_error(name, "bytes", value)
    if not data.startswith(start):
        return None
    end = data.find(b"\r\n\r\n", len(start) - 2, MAX_PLAIN_HEAD_BYTES)
    if end < 0:
        return None
    headers = [_header(line) for line in data[len(start) : end + 2].split(b"\r\n")[:-1]]
    lengths = [header[1] for header in headers if header and header[0] == b"content-length"]
    body = data[end + 4 :]
    if len(headers) > MAX_PLAIN_HEADERS or lengths[1:] or not _LENGTH.fullmatch(b"".join(lengths)):
        return None
    found = [header for header in headers if header is not None]
    return (found, body) if len(found) == len(headers) and int(lengths[0]) == len(body) else None


def _header(line: bytes) -> tuple[bytes, bytes] | None:
    """Name and value, if it is a plain one."""
    name, colon, value = line.partition(b":")
    name, value = name.lower(), value.lstrip(b" ")
    if not colon or not _TOKEN.fullmatch(name) or not _PLAIN_VALUE.fullmatch(value):
        return None
    changes = name in FOR_THE_PARSER or (name == b"connection" and value.lower() != b"keep-alive")
    return None if changes else (name, value)


def siphash64(key: bytes, data: bytes) -> int:
    """SipHash-2-4 with its 8 bytes of output read as a little-endian number; `key`: 16 bytes.

    Aumasson and Bernstein, "SipHash: a fast short-input PRF" (INDOCRYPT 2012).
    """
    v0, v1, v2, v3 = _absorbed(_keyed(key, data), data)
    return _folded(_rounds(4, (v0, v1, v2 ^ 0xFF, v3)))


def siphash128(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4 with 16 bytes of output, as in the authors' reference code; `key`: 16 bytes."""
    v0, v1, v2, v3 = _keyed(key, data)
    v0, v1, v2, v3 = _absorbed((v0, v1 ^ 0xEE, v2, v3), data)
    v0, v1, v2, v3 = _rounds(4, (v0, v1, v2 ^ 0xEE, v3))
    low = _folded((v0, v1, v2, v3))
    return struct.pack("<QQ", low, _folded(_rounds(4, (v0, v1 ^ 0xDD, v2, v3))))


def _is_credential(value: bytes, limit: int) -> bool:
    return len(value) <= limit and _VISIBLE.fullmatch(value) is not None


_MASK = (1 << 64) - 1
_State = tuple[int, int, int, int]


def _keyed(key: bytes, data: bytes) -> _State:
    require_bytes16("key", key)
    if type(data) is not bytes:
        raise type_error("data", "bytes", data)
    k0, k1 = struct.unpack("<QQ", key)
    return (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )


def _absorbed(state: _State, data: bytes) -> _State:
    last = bytes(-(len(data) + 1) % 8) + bytes((len(data) & 0xFF,))
    for (word,) in struct.iter_unpack("<Q", data + last):
        v0, v1, v2, v3 = state
        v0, v1, v2, v3 = _rounds(2, (v0, v1, v2, v3 ^ word))
        state = v0 ^ word, v1, v2, v3
    return state


def _rounds(count: int, state: _State) -> _State:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 = v0 + v1 & _MASK
        v1 = (v1 << 13 & _MASK | v1 >> 51) ^ v0
        v0 = v0 << 32 & _MASK | v0 >> 32
        v2 = v2 + v3 & _MASK
        v3 = (v3 << 16 & _MASK | v3 >> 48) ^ v2
        v0 = v0 + v3 & _MASK
        v3 = (v3 << 21 & _MASK | v3 >> 43) ^ v0
        v2 = v2 + v1 & _MASK
        v1 = (v1 << 17 & _MASK | v1 >> 47) ^ v2
        v2 = v2 << 32 & _MASK | v2 >> 32
    return v0, v1, v2, v3


def _folded(state: _State) -> int:
    v0, v1, v2, v3 = state
    return v0 ^ v1 ^ v2 ^ v3
