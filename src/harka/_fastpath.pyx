# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False, embedsignature=True, embedsignature.format=clinic, auto_pickle=False
"""The fast path, compiled; `_fastpath_py.py` is its twin and the place to read first.

Every read of a client's bytes is bounded by their length, never by what they contain. `boundscheck` and
`wraparound` are off only for C arrays here; their indexes are unsigned bytes or checked sizes.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact, PyUnicode_GET_LENGTH

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from harka._siphash cimport Sip, absorb, absorb_words, folded, hash64, rounds, start, text_t

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)

from harka._fastpath_rules import (
    BASE64URL,
    BIG_INTEGER_PART,
    BOOLEAN_PART,
    BUCKET_SLACK,
    BYTES_PART,
    DEDICATED_ABOVE_USERS,
    FOR_THE_PARSER,
    INTEGER_PART,
    MALFORMED,
    MAX_API_KEY_BYTES,
    MAX_AUTHORITY_BYTES,
    MAX_AUTHORIZATION_BYTES,
    MAX_HOST_BYTES,
    MAX_LABEL_BYTES,
    MAX_LENGTH_DIGITS,
    MAX_PLAIN_HEADERS,
    MAX_PLAIN_HEAD_BYTES,
    MAX_PORT,
    MAX_SESSION_BYTES,
    MEDIUM_ABOVE_USERS,
    MEDIUM_SHARDS,
    NEUTRAL,
    NONE_PART,
    PLAIN_SESSION_COOKIE,
    RESERVED_SUBDOMAINS,
    SESSION_COOKIE,
    SMALL_SHARDS,
    TEXT_PART,
    UNKNOWN,
    big_integer,
    bucket_limits,
    counter,
    headers_error,
    host_index,
    key_index,
    lease_amount,
    lease_toll,
    number,
    require_bytes16,
    session_cookies,
    settle_error,
    take_error,
    type_error,
)

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void* PyUnicode_1BYTE_DATA(object text)

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

cdef signed char[256] _BASE64_DIGITS
memset(_BASE64_DIGITS, -1, 256)
for _place, _character in enumerate(BASE64URL):
    _BASE64_DIGITS[ord(_character)] = _place

# The shared constants as C values, read once: a module attribute costs a dictionary look-up at each use.
cdef object _NEUTRAL = NEUTRAL
cdef object _UNKNOWN = UNKNOWN
cdef object _MALFORMED = MALFORMED
cdef tuple _REFUSED = (MALFORMED, None, None, None)
cdef bytes _SESSION = SESSION_COOKIE.encode()
cdef bytes _PLAIN_SESSION = PLAIN_SESSION_COOKIE.encode()
cdef const char* _SESSION_TEXT = _SESSION
cdef const char* _PLAIN_SESSION_TEXT = _PLAIN_SESSION
cdef Py_ssize_t _SESSION_SIZE = len(_SESSION)
cdef Py_ssize_t _PLAIN_SESSION_SIZE = len(_PLAIN_SESSION)
cdef bytes _ZEROS = bytes(16)
cdef const char* _ZERO_KEY = _ZEROS
cdef Py_ssize_t _MAX_HOST = MAX_HOST_BYTES
cdef Py_ssize_t _MAX_LABEL = MAX_LABEL_BYTES
cdef Py_ssize_t _MAX_AUTHORITY = MAX_AUTHORITY_BYTES
cdef Py_ssize_t _MAX_API_KEY = MAX_API_KEY_BYTES
cdef Py_ssize_t _MAX_AUTHORIZATION = MAX_AUTHORIZATION_BYTES
cdef Py_ssize_t _MAX_SESSION = MAX_SESSION_BYTES
cdef int _MAX_PORT = MAX_PORT
cdef long long _DEDICATED_ABOVE = DEDICATED_ABOVE_USERS
cdef long long _MEDIUM_ABOVE = MEDIUM_ABOVE_USERS
cdef tuple _MEDIUM = tuple(f"shard_medium_{place}" for place in range(MEDIUM_SHARDS))
cdef tuple _SMALL = tuple(f"shard_small_{place}" for place in range(SMALL_SHARDS))
cdef uint64_t _NONE = NONE_PART
cdef uint64_t _TEXT = TEXT_PART
cdef uint64_t _BYTES = BYTES_PART
cdef uint64_t _INTEGER = INTEGER_PART
cdef uint64_t _BIG_INTEGER = BIG_INTEGER_PART
cdef uint64_t _BOOLEAN = BOOLEAN_PART
cdef double _SLACK = BUCKET_SLACK


cdef enum:
    # Room on the stack for a host name; a longer one is refused before it is copied.
    HOST_ROOM = 512

if MAX_AUTHORITY_BYTES > HOST_ROOM:
    raise SystemError("HOST_ROOM is too small")

# What a byte of a host folds to, 0 where it may not stand there.
cdef unsigned char[256] _NAME_FOLD
cdef unsigned char[256] _IPV6_FOLD


cdef void _fill(unsigned char* fold, bytes allowed) noexcept:
    cdef unsigned char character
    memset(fold, 0, 256)
    for character in allowed:
        fold[character] = character
        if c"a" <= character <= c"z":
            fold[character - 32] = character


_fill(_NAME_FOLD, b"abcdefghijklmnopqrstuvwxyz0123456789-.")
_fill(_IPV6_FOLD, b"abcdef0123456789:.")

cdef struct Seen:
    # Borrowed from the caller's list, which outlives the call; nothing in between runs Python code.
    PyObject* host
    PyObject* forwarded_host
    PyObject* api_key
    PyObject* authorization
    text_t session
    Py_ssize_t session_size


@cython.final
cdef class HostTable:
    """HostTable(platform_domain, subdomains, domains, key_prefixes)
--

Who answers at which address; documented at the twin."""

    cdef dict _hosts
    cdef dict _keys
    cdef bint _plain_session

    # __cinit__: whatever is reachable from Python has its dictionaries, so C code need not ask
    def __cinit__(self, platform_domain, subdomains, domains, key_prefixes):
        self._hosts = host_index(platform_domain, subdomains, domains)
        self._keys = key_index(key_prefixes)
        self._plain_session = _PLAIN_SESSION in session_cookies(platform_domain)

    def resolve(self, headers, bint forwarded):
        """Answer (tenant, API key, bearer token, session cookie); documented at the twin."""
        cdef Seen seen
        memset(&seen, 0, sizeof(Seen))
        if not PyList_CheckExact(headers):
            raise headers_error()
        if not _collect(<list>headers, forwarded, self._plain_session, &seen) or seen.host is NULL:
            return _REFUSED
        host = <object>(seen.host if seen.forwarded_host is NULL else seen.forwarded_host)
        tenant = _tenant_of_host(self._hosts, _text(host), PyBytes_GET_SIZE(host))
        if tenant is _MALFORMED:
            return _REFUSED
        return _with_credentials(tenant, &seen)

    def tenant_of_key(self, prefix):
        """Index of the tenant whose API key begins so, or UNKNOWN."""
        if not PyUnicode_CheckExact(prefix):
            raise type_error("prefix", "str", prefix)
        cdef PyObject* tenant = PyDict_GetItemWithError(self._keys, prefix)
        return _UNKNOWN if tenant is NULL else <object>tenant


cdef inline text_t _text(object value) noexcept:
    return <text_t>PyBytes_AS_STRING(value)


cdef int _collect(list headers, bint forwarded, bint plain_session, Seen* seen) except -1:
    """0 where something stands twice, or the session cookie is malformed."""
    cdef Py_ssize_t index
    cdef PyObject** slot
    for index in range(PyList_GET_SIZE(headers)):
        header = <object>PyList_GET_ITEM(headers, index)
        if not PyTuple_CheckExact(header) or PyTuple_GET_SIZE(header) != 2:
            raise headers_error()
        name = <object>PyTuple_GET_ITEM(header, 0)
        value = <object>PyTuple_GET_ITEM(header, 1)
        if not PyBytes_CheckExact(name) or not PyBytes_CheckExact(value):
            raise headers_error()
        slot = _slot(seen, _text(name), PyBytes_GET_SIZE(name), forwarded)
        if slot is not NULL:
            if slot[0] is not NULL:
                return 0
            slot[0] = <PyObject*>value
        elif _is(_text(name), PyBytes_GET_SIZE(name), b"cookie", 6):
            if not _read_cookies(_text(value), PyBytes_GET_SIZE(value), plain_session, seen):
                return 0
    return 1


cdef inline PyObject** _slot(Seen* seen, text_t name, Py_ssize_t size, bint forwarded) noexcept nogil:
    """Where a header that may stand only once is kept."""
    if _is(name, size, b"host", 4):
        return &seen.host
    if _is(name, size, b"x-api-key", 9):
        return &seen.api_key
    if _is(name, size, b"authorization", 13):
        return &seen.authorization
    if forwarded and _is(name, size, b"x-forwarded-host", 16):
        return &seen.forwarded_host
    return NULL


cdef inline bint _is(text_t text, Py_ssize_t size, const char* wanted, Py_ssize_t wanted_size) noexcept nogil:
    return size == wanted_size and memcmp(text, wanted, size) == 0


cdef bint _read_cookies(text_t text, Py_ssize_t size, bint plain_session, Seen* seen) noexcept nogil:
    """Keep the session cookie; False where it is malformed or the second one."""
    cdef text_t end = text + size
    cdef text_t stop
    cdef text_t equals
    while True:
        stop = <text_t>memchr(text, c";", end - text)
        if stop is NULL:
            stop = end
        equals = <text_t>memchr(text, c"=", stop - text)
        if equals is not NULL and _is_session(text, equals - text, plain_session):
            if seen.session is not NULL:
                return False
            text = equals + 1
            size = _trimmed(&text, stop - text)
            if not _is_credential(text, size, _MAX_SESSION):
                return False
            seen.session = text
            seen.session_size = size
        if stop == end:
            return True
        text = stop + 1


cdef bint _is_session(text_t name, Py_ssize_t size, bint plain_session) noexcept nogil:
    size = _trimmed(&name, size)
    if plain_session and _is(name, size, _PLAIN_SESSION_TEXT, _PLAIN_SESSION_SIZE):
        return True
    return _is(name, size, _SESSION_TEXT, _SESSION_SIZE)


cdef inline Py_ssize_t _trimmed(text_t* text, Py_ssize_t size) noexcept nogil:
    while size > 0 and (text[0][0] == c" " or text[0][0] == c"\t"):
        text[0] += 1
        size -= 1
    while size > 0 and (text[0][size - 1] == c" " or text[0][size - 1] == c"\t"):
        size -= 1
    return size


cdef bint _is_credential(text_t text, Py_ssize_t size, Py_ssize_t limit) noexcept nogil:
    """Visible ASCII, 1 to `limit` bytes: eight at a time, for a token may have hundreds."""
    cdef uint64_t word, bad = 0
    cdef Py_ssize_t index = 0
    if not 0 < size <= limit:
        return False
    while size - index >= 8:
        memcpy(&word, text + index, 8)
        bad |= _invisible(word)
        index += 8
    if index < size:
        # what is missing is taken for any visible byte
        word = <uint64_t>0x2121212121212121
        memcpy(&word, text + index, size - index)
        bad |= _invisible(word)
    return bad & <uint64_t>0x8080808080808080 == 0


cdef inline uint64_t _invisible(uint64_t word) noexcept nogil:
    """The highest bit of some byte, when any is not from 0x21 to 0x7E: only beyond ASCII does a sum carry."""
    return word | (word + <uint64_t>0x0101010101010101) | ~(word + <uint64_t>0x5F5F5F5F5F5F5F5F)


cdef object _tenant_of_host(dict hosts, text_t host, Py_ssize_t size):
    cdef unsigned char[HOST_ROOM] name
    cdef PyObject* tenant
    if not 0 < size <= _MAX_AUTHORITY:
        return _MALFORMED
    size = _ipv6(host, size, name) if host[0] == c"[" else _host_name(host, size, name)
    if size < 0:
        return _MALFORMED
    tenant = PyDict_GetItemWithError(hosts, PyBytes_FromStringAndSize(<char*>name, size))
    if tenant is not NULL:
        return <object>tenant
    return _NEUTRAL if _is_loopback(name, size) else _UNKNOWN


cdef Py_ssize_t _host_name(text_t host, Py_ssize_t size, unsigned char* name) noexcept nogil:
    """Write the name in lower case without port and root dot; answer its size, or -1 where it is none."""
    cdef Py_ssize_t used = 0
    cdef Py_ssize_t label = 0
    cdef unsigned char character
    cdef unsigned char previous = c"."
    while used < size:
        character = _NAME_FOLD[host[used]]
        if character == 0:
            break
        if character == c".":
            if previous == c"." or previous == c"-" or label > _MAX_LABEL:
                return -1
            label = 0
        elif character == c"-" and previous == c".":
            return -1
        else:
            label += 1
        name[used] = character
        previous = character
        used += 1
    if previous == c"-" or label > _MAX_LABEL or not _is_port(host + used, size - used):
        return -1
    if previous == c".":
        used -= 1
    return used if 0 < used <= _MAX_HOST else -1


cdef Py_ssize_t _ipv6(text_t host, Py_ssize_t size, unsigned char* name) noexcept nogil:
    """Like `_host_name`, for an address in brackets, which stay."""
    cdef Py_ssize_t used = 1
    name[0] = c"["
    while used < size and _IPV6_FOLD[host[used]] != 0:
        name[used] = _IPV6_FOLD[host[used]]
        used += 1
    if not 3 <= used <= 46 or used == size or host[used] != c"]":
        return -1
    name[used] = c"]"
    used += 1
    return used if _is_port(host + used, size - used) else -1


cdef bint _is_port(text_t text, Py_ssize_t size) noexcept nogil:
    """Nothing at all, or a colon and a number that fits."""
    cdef int port = 0
    cdef Py_ssize_t index
    if size == 0:
        return True
    if not 2 <= size <= 6 or text[0] != c":":
        return False
    for index in range(1, size):
        if not c"0" <= text[index] <= c"9":
            return False
        port = port * 10 + (text[index] - c"0")
    return port <= _MAX_PORT


cdef bint _is_loopback(text_t name, Py_ssize_t size) noexcept nogil:
    """127.0.0.0/8 in its plain spelling: four decimal numbers without leading zeros."""
    cdef int octet = -1
    cdef int dots = 0
    cdef Py_ssize_t index
    if size < 4 or memcmp(name, b"127.", 4) != 0:
        return False
    for index in range(4, size):
        if name[index] == c"." and octet >= 0:
            dots += 1
            octet = -1
        elif c"0" <= name[index] <= c"9" and octet != 0:
            octet = (octet * 10 if octet > 0 else 0) + (name[index] - c"0")
            if octet > 255:
                return False
        else:
            return False
    return dots == 2 and octet >= 0


cdef tuple _with_credentials(object tenant, Seen* seen):
    cdef text_t text
    cdef Py_ssize_t size
    api_key = bearer = session = None
    if seen.api_key is not NULL:
        api_key = <object>seen.api_key
        if not _is_credential(_text(api_key), PyBytes_GET_SIZE(api_key), _MAX_API_KEY):
            return _REFUSED
    if seen.authorization is not NULL:
        authorization = <object>seen.authorization
        text = _text(authorization)
        size = _bearer(&text, PyBytes_GET_SIZE(authorization))
        if size < 0:
            return _REFUSED
        bearer = PyBytes_FromStringAndSize(<char*>text, size)
    if seen.session is not NULL:
        session = PyBytes_FromStringAndSize(<char*>seen.session, seen.session_size)
    return (tenant, api_key, bearer, session)


cdef Py_ssize_t _bearer(text_t* text, Py_ssize_t size) noexcept nogil:
    """Move `text` to the one token after the scheme; answer its size, or -1."""
    cdef const char* scheme = b"bearer"
    cdef Py_ssize_t index
    if not 7 < size <= _MAX_AUTHORIZATION:
        return -1
    for index in range(6):
        # in ASCII, bit 5 alone tells a letter from its capital, and nothing else than letters matches one
        if text[0][index] | 0x20 != scheme[index]:
            return -1
    if text[0][6] != c" ":
        return -1
    index = 7
    while index < size and text[0][index] == c" ":
        index += 1
    text[0] += index
    return size - index if _is_credential(text[0], size - index, _MAX_AUTHORIZATION) else -1


def cache_key(key, tenant, generation, schema_version, namespace, parts):
    """Answer `<tenant hex>:<generation>:<SipHash-2-4-128 hex>`; documented at the twin."""
    cdef Sip sip
    cdef unsigned char[16] digest
    cdef char[20] decimal
    cdef uint64_t words = 4
    _require_bytes16("key", key)
    _require_bytes16("tenant", tenant)
    cdef int64_t counted = _counter("generation", generation)
    cdef int64_t version = _counter("schema_version", schema_version)
    if not isinstance(namespace, str):
        raise type_error("namespace", "str", namespace)
    if not PyTuple_CheckExact(parts):
        raise type_error("parts", "tuple", parts)
    _start_wide(&sip, _text(key))
    absorb_words(&sip, _text(tenant), 16)
    absorb(&sip, <uint64_t>counted)
    absorb(&sip, <uint64_t>version)
    words += _absorb_part(&sip, namespace)
    for part in <tuple>parts:
        words += _absorb_part(&sip, part)
    _finish_wide(&sip, words << 59, digest)
    cdef int digits = _put_decimal(decimal, counted)
    cdef str answer = PyUnicode_New(66 + digits, 127)
    cdef unsigned char* out = <unsigned char*>PyUnicode_1BYTE_DATA(answer)
    _put_hex(out, _text(tenant))
    out[32] = c":"
    memcpy(out + 33, decimal + 20 - digits, digits)
    out[33 + digits] = c":"
    _put_hex(out + 34 + digits, digest)
    return answer


def select_shard(tenant, users):
    """First home of a tenant with that many users; documented at the twin."""
    _require_bytes16("tenant", tenant)
    cdef int64_t count = _counter("users", users)
    if count > _DEDICATED_ABOVE:
        return "shard_dedicated_" + tenant.hex()
    cdef uint64_t placed = hash64(<text_t>_ZERO_KEY, _text(tenant), 16)
    cdef tuple shards = _MEDIUM if count > _MEDIUM_ABOVE else _SMALL
    return <object>PyTuple_GET_ITEM(shards, <Py_ssize_t>(placed % <uint64_t>PyTuple_GET_SIZE(shards)))


def open_id(key, tenant, text):
    """What a node id names: kind and id; documented at the twin."""
    cdef Py_ssize_t size
    cdef const char* spelled
    cdef unsigned char[27] sealed
    cdef uint64_t bits, tag, wanted
    cdef Sip sip
    cdef int index, place, digit
    _require_bytes16("key", key)
    _require_bytes16("tenant", tenant)
    if not PyUnicode_CheckExact(text):
        raise type_error("text", "str", text)
    if PyUnicode_GET_LENGTH(text) != 34 or not PyUnicode_IS_ASCII(text):
        return None
    spelled = PyUnicode_AsUTF8AndSize(text, &size)
    for place in range(9):
        bits = 0
        for index in range(4):
            digit = 0 if 4 * place + index >= 34 else _BASE64_DIGITS[<unsigned char>spelled[4 * place + index]]
            if digit < 0:
                return None
            bits = bits << 6 | <uint64_t>digit
        sealed[3 * place] = <unsigned char>(bits >> 16)
        sealed[3 * place + 1] = <unsigned char>(bits >> 8 & 0xFF)
        sealed[3 * place + 2] = <unsigned char>(bits & 0xFF)
    # 34 characters carry 4 spare bits: only the canonical spelling is an id
    if sealed[25]:
        return None
    start(&sip, _text(key))
    absorb_words(&sip, _text(tenant), 16)
    # absorb_words closes a text of 17 bytes; the whole text has 33
    absorb(&sip, (absorb_words(&sip, sealed, 17) & 0xFF) | <uint64_t>33 << 56)
    sip.v2 ^= 0xFF
    rounds(&sip, 4)
    wanted = folded(&sip)
    tag = 0
    for index in range(8):
        tag |= <uint64_t>sealed[17 + index] << 8 * index
    # one comparison of whole words: its time tells nothing of where they differ
    return None if tag != wanted else PyBytes_FromStringAndSize(<char*>sealed, 17)


cdef enum:
    _IN_TOKEN = 1
    _IN_VALUE = 2

cdef unsigned char[256] _KINDS
memset(_KINDS, 0, 256)
for _byte in range(0x20, 0x100):
    if _byte != 0x7F:
        _KINDS[_byte] = _IN_VALUE
for _byte in bytearray(b"!#$%&'*+.^_`|~0123456789-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"):
    _KINDS[_byte] = _IN_TOKEN | _IN_VALUE

cdef Py_ssize_t _MAX_PLAIN_HEAD = MAX_PLAIN_HEAD_BYTES
cdef Py_ssize_t _MAX_PLAIN_HEADERS = MAX_PLAIN_HEADERS
cdef Py_ssize_t _MAX_DIGITS = MAX_LENGTH_DIGITS
cdef frozenset _FOR_THE_PARSER = FOR_THE_PARSER


def split_request(start, data):
    """Headers and body of a plain request that is all there; documented at the twin."""
    if not PyBytes_CheckExact(start):
        raise type_error("start", "bytes", start)
    if not PyBytes_CheckExact(data):
        raise type_error("data", "bytes", data)
    cdef text_t text = _text(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t limit = min(size, _MAX_PLAIN_HEAD)
    cdef Py_ssize_t at = PyBytes_GET_SIZE(start)
    cdef Py_ssize_t begun, index, name_size, value_size
    cdef Py_ssize_t length = -1
    cdef bytes name, value
    cdef char* lower
    cdef list headers = []
    if size < at or memcmp(text, _text(start), at) != 0:
        return None
    while at + 2 <= limit and not (text[at] == c"\r" and text[at + 1] == c"\n"):
        begun = at
        while at < limit and _KINDS[text[at]] & _IN_TOKEN:
            at += 1
        name_size = at - begun
        if not name_size or at == limit or text[at] != c":" or len(headers) == _MAX_PLAIN_HEADERS:
            return None
        name = PyBytes_FromStringAndSize(NULL, name_size)
        lower = PyBytes_AS_STRING(name)
        for index in range(name_size):
            lower[index] = <char>(text[begun + index] | 0x20 if c"A" <= text[begun + index] <= c"Z" else text[begun + index])
        at += 1
        while at < limit and text[at] == c" ":
            at += 1
        begun = at
        while at < limit and _KINDS[text[at]]:
            at += 1
        value_size = at - begun
        if at + 2 > limit or text[at] != c"\r" or text[at + 1] != c"\n":
            return None
        if value_size and text[at - 1] == c" ":
            return None
        value = PyBytes_FromStringAndSize(<const char*>text + begun, value_size)
        at += 2
        if name_size == 14 and memcmp(lower, "content-length", 14) == 0:
            if length >= 0 or not 0 < value_size <= _MAX_DIGITS:
                return None
            length = 0
            for index in range(value_size):
                if not c"0" <= text[begun + index] <= c"9":
                    return None
                length = 10 * length + text[begun + index] - c"0"
        elif name_size == 10 and memcmp(lower, "connection", 10) == 0:
            if value != b"keep-alive" and value.lower() != b"keep-alive":
                return None
        elif name in _FOR_THE_PARSER:
            return None
        headers.append((name, value))
    # the loop ends at an empty line, or where there is no room for one
    if at + 2 > limit or length != size - at - 2:
        return None
    return headers, data[at + 2:]


def siphash64(key, data):
    """SipHash-2-4 with 8 bytes of output as a little-endian number; documented at the twin."""
    _require_bytes16("key", key)
    if not PyBytes_CheckExact(data):
        raise type_error("data", "bytes", data)
    return hash64(_text(key), _text(data), PyBytes_GET_SIZE(data))


def siphash128(key, data):
    """SipHash-2-4 with 16 bytes of output; documented at the twin."""
    cdef Sip sip
    cdef unsigned char[16] digest
    _require_bytes16("key", key)
    if not PyBytes_CheckExact(data):
        raise type_error("data", "bytes", data)
    _start_wide(&sip, _text(key))
    _finish_wide(&sip, absorb_words(&sip, _text(data), PyBytes_GET_SIZE(data)), digest)
    return PyBytes_FromStringAndSize(<char*>digest, 16)


cdef int _require_bytes16(str name, object value) except -1:
    if not PyBytes_CheckExact(value) or PyBytes_GET_SIZE(value) != 16:
        require_bytes16(name, value)
    return 0


cdef int64_t _counter(str name, object value) except -1:
    cdef int overflow = 0
    cdef long long number
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and number >= 0:
            return number
    return counter(name, value)


cdef double _number(str name, object value) except? -1.0:
    """Requests and points are whole numbers as often as not."""
    if PyLong_CheckExact(value):
        return <double>value
    return number(name, value)


cdef Py_ssize_t _absorb_part(Sip* sip, object part) except -1:
    """How many words it is; the twin's `_key_part`, fed to the hash as it is made."""
    cdef const char* text
    cdef Py_ssize_t size = 0
    if part is None:
        absorb(sip, _NONE)
        return 1
    if part is True or part is False:
        absorb(sip, <uint64_t>(part is True) << 8 | _BOOLEAN)
        return 1
    if isinstance(part, str):
        text = PyUnicode_AsUTF8AndSize(part, &size)
        return _absorb_sized(sip, _TEXT, <text_t>text, size)
    if isinstance(part, int):
        return _absorb_integer(sip, part)
    if isinstance(part, bytes):
        return _absorb_sized(sip, _BYTES, _text(part), PyBytes_GET_SIZE(part))
    raise type_error("part", "str, int, bytes or None", part)


cdef Py_ssize_t _absorb_integer(Sip* sip, object part) except -1:
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(part, &overflow)
    cdef bytes big
    if overflow or number >> 55 not in (0, -1):
        big = big_integer(part)
        return _absorb_sized(sip, _BIG_INTEGER, _text(big), PyBytes_GET_SIZE(big))
    absorb(sip, <uint64_t>number << 8 | _INTEGER)
    return 1


cdef inline Py_ssize_t _absorb_sized(Sip* sip, uint64_t kind, text_t data, Py_ssize_t size) noexcept nogil:
    # of its own: to the compiler, a write to the caller's might change the data, and each word goes to memory
    cdef Sip own = sip[0]
    cdef uint64_t last
    absorb(&own, <uint64_t>size << 8 | kind)
    last = absorb_words(&own, data, size)
    if size & 7:
        # without the length byte that ends a hash: inside the message the rest of the word is zeros
        absorb(&own, last & ((<uint64_t>1 << 8 * (size & 7)) - 1))
    sip[0] = own
    return 1 + (size + 7 >> 3)


cdef inline void _start_wide(Sip* sip, text_t key) noexcept nogil:
    start(sip, key)
    sip.v1 ^= 0xEE


cdef inline void _finish_wide(Sip* sip, uint64_t last, unsigned char* digest) noexcept nogil:
    absorb(sip, last)
    sip.v2 ^= 0xEE
    rounds(sip, 4)
    _put_word(digest, folded(sip))
    sip.v1 ^= 0xDD
    rounds(sip, 4)
    _put_word(digest + 8, folded(sip))


cdef inline void _put_word(unsigned char* out, uint64_t word) noexcept nogil:
    """Little-endian on every machine; compilers make one store of it."""
    out[0] = word & 0xFF
    out[1] = word >> 8 & 0xFF
    out[2] = word >> 16 & 0xFF
    out[3] = word >> 24 & 0xFF
    out[4] = word >> 32 & 0xFF
    out[5] = word >> 40 & 0xFF
    out[6] = word >> 48 & 0xFF
    out[7] = word >> 56


cdef inline void _put_hex(unsigned char* out, text_t data) noexcept nogil:
    """32 digits of 16 bytes, eight at a time: each nibble in a byte of its own, then made a letter past 9."""
    cdef uint64_t spread
    cdef int index
    for index in range(4):
        spread = data[0] | <uint64_t>data[1] << 16 | <uint64_t>data[2] << 32 | <uint64_t>data[3] << 48
        spread = (spread >> 4 & 0x000F000F000F000FULL) | (spread & 0x000F000F000F000FULL) << 8
        spread += 0x3030303030303030ULL + (spread + 0x0606060606060606ULL >> 4 & 0x0101010101010101ULL) * 39
        _put_word(out, spread)
        out += 8
        data += 4


cdef inline int _put_decimal(char* out, int64_t number) noexcept nogil:
    """Write the digits to the end of 20 bytes; answer how many they are."""
    cdef int at = 20
    while True:
        at -= 1
        out[at] = <char>(c"0" + number % 10)
        number //= 10
        if number == 0:
            return 20 - at


include "_fastpath_quota.pxi"
