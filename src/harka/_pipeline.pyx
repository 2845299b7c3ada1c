# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False, embedsignature=True, embedsignature.format=clinic, auto_pickle=False
"""One connection on which several statements may be under way; `pipeline.py` explains, read that first.

The messages are those of PostgreSQL's protocol 3.0 (manual, "Message Formats"): a byte for the kind, four for
the length that counts itself, big-endian throughout. Every read is bounded by what has arrived.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

import collections
import datetime

cdef object _EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
# as asyncpg writes them: before and after everything
cdef object _FIRST = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
cdef object _LAST = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)

# pg_type.dat: the oids of types that arguments may have
cdef enum:
    _BOOL = 16
    _INT8 = 20
    _INT4 = 23
    _TEXT = 25
    _FLOAT8 = 701
    _TIMESTAMPTZ = 1184
    _UUID = 2950
    _HEADER = 5

# of arrays, and of their elements
cdef dict _ELEMENTS = {
    1000: _BOOL, 1016: _INT8, 1007: _INT4, 1009: _TEXT, 1022: _FLOAT8, 1185: _TIMESTAMPTZ, 2951: _UUID
}

cdef bytes _SYNC = b"S\0\0\0\4"
# in the fields of an ErrorResponse, from which asyncpg makes its exceptions
cdef dict _OUTDATED = {
    "S": "ERROR", "C": "0A000", "R": "RevalidateCachedQuery", "M": "the columns are not those that were expected",
}
cdef dict _SKIPPED = {"S": "ERROR", "C": "25P02", "M": "a statement before this one failed"}


cdef class _Asked:
    """A statement that was sent; see `Pipeline.send`."""

    cdef object future
    cdef Py_ssize_t commands
    cdef object columns
    cdef bint closes
    cdef dict error


cdef class Pipeline:
    """An asyncio protocol; made by `pipeline.before`.

    `idle`: no transaction is open. `outstanding`: how many answers are owed. `gathers`: what is sent now still
    joins the group sent before. `answered`: called at each answer, and when the connection is lost; None:
    nobody listens.
    """

    cdef object _inner
    cdef object _pass_on
    cdef object _transport
    cdef object _waiting
    cdef dict _error
    cdef list _rows
    cdef Py_ssize_t _place
    cdef Py_ssize_t _commands
    cdef object _lost
    cdef object _parts
    cdef object _raised
    cdef object _later
    cdef list _unsent
    cdef Py_ssize_t _have
    cdef Py_ssize_t _need
    cdef public object answered
    cdef readonly bint idle
    cdef readonly bint gathers

    def __init__(self, inner, transport, raised, later):
        self._inner = inner
        self._pass_on = inner.data_received
        self._transport = transport
        self._raised = raised
        self._later = later
        self._unsent = []
        self._waiting = collections.deque()
        self._parts = []
        self._rows = []
        self.answered = None
        self.idle = True

    @property
    def outstanding(self):
        return len(self._waiting)

    def send(self, bytes messages, future, Py_ssize_t commands, columns, bint closes):
        """Write `messages` when the loop has run what is ready now. Raise what a lost connection raises.

        `future`: gets the rows, each a message (DataRow), one after the other; or the error. `commands`: how
        many CommandComplete it is answered with, at the least. `columns`: the oids of the columns, where the
        messages ask for a description, that it must be as expected; otherwise None. `closes`: the messages
        end with a Sync. Otherwise what is sent next joins the group, which ends when it is written: of a group
        nothing is executed behind what failed.
        """
        cdef _Asked asked = _Asked.__new__(_Asked)
        if self._lost is not None:
            raise self._raised(self._lost)
        asked.future, asked.commands, asked.columns, asked.closes = future, commands, columns, closes
        if not self._unsent:
            self._later(self._flush)
        self._unsent.append(messages)
        self._waiting.append(asked)
        self.gathers = not closes

    def _flush(self):
        unsent, self._unsent = self._unsent, []
        if self.gathers:
            self.gathers = False
            (<_Asked>self._waiting[len(self._waiting) - 1]).closes = True
            unsent.append(_SYNC)
        if unsent:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def connection_made(self, transport):
        self._inner.connection_made(transport)

    def pause_writing(self):
        self._inner.pause_writing()

    def resume_writing(self):
        self._inner.resume_writing()

    def eof_received(self):
        return self._inner.eof_received()

    def connection_lost(self, error):
        self._inner.connection_lost(error)
        self._lost = error or OSError("the connection is closed")
        self.gathers = False
        waiting, self._waiting, self._unsent = self._waiting, collections.deque(), []
        for asked in waiting:
            self._tell(asked, None, self._lost)
        if self.answered is not None:
            self.answered()

    def data_received(self, bytes data):
        """Follow the messages through what has arrived: ours, or whole ones for asyncpg."""
        cdef Py_ssize_t size
        self._parts.append(data)
        self._have += PyBytes_GET_SIZE(data)
        if self._have < self._need:
            return
        if len(self._parts) > 1:
            data = b"".join(self._parts)
        self._parts.clear()
        self._have = self._need = 0
        size = PyBytes_GET_SIZE(data)
        at = self._read(data, size)
        if at < size:
            self._parts.append(data[at:] if at else data)
            self._have = size - at

    cdef Py_ssize_t _read(self, bytes data, Py_ssize_t size) except -1:
        """How far whole messages go; `_need` is what the next one takes."""
        cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(data)
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t theirs = 0
        cdef Py_ssize_t rows = -1
        cdef Py_ssize_t length
        cdef unsigned char kind
        while size - at >= _HEADER:
            kind = text[at]
            length = 1 + <Py_ssize_t>_uint32(text + at + 1)
            if length < _HEADER:
                raise ValueError("not a message of PostgreSQL")
            if length > size - at:
                self._need = length
                break
            if not self._waiting:
                if kind == c"Z":
                    self.idle = text[at + _HEADER] == c"I"
                at += length
                continue
            if theirs < at:
                self._hand_over(data, theirs, at)
            if kind == c"D":
                if rows < 0:
                    rows = at
            else:
                if rows >= 0:
                    self._rows.append(data[rows:at])
                    rows = -1
                self._take(kind, data, text, at + _HEADER, at + length)
            at += length
            theirs = at
        if rows >= 0:
            self._rows.append(data[rows:at])
        if self._need == 0 and at < size:
            self._need = _HEADER
        if theirs < at:
            self._hand_over(data, theirs, at)
        return at

    cdef int _hand_over(self, bytes data, Py_ssize_t start, Py_ssize_t end) except -1:
        self._pass_on(data if start == 0 and end == PyBytes_GET_SIZE(data) else data[start:end])
        return 0

    cdef int _take(
        self, unsigned char kind, bytes data, const unsigned char* text, Py_ssize_t at, Py_ssize_t end
    ) except -1:
        """One message, not a row, of the statement that is first in line."""
        cdef _Asked asked = self._waiting[self._place]
        if kind == c"C":
            self._commands += 1
            if self._commands == asked.commands and not asked.closes:
                self._tell(asked, self._taken(), asked.error)
                self._place += 1
                self._commands = 0
        elif kind == c"E":
            self._error = _fields(data[at:end])
        elif kind == c"T" and asked.columns is not None and _types(text, at, end) != asked.columns:
            asked.error = _OUTDATED
        elif kind == c"Z":
            self.idle = text[at] == c"I"
            self._finish()
        return 0

    cdef bytes _taken(self):
        """The rows that have come."""
        rows, self._rows = self._rows, []
        return rows[0] if len(rows) == 1 else b"".join(rows)

    cdef int _finish(self) except -1:
        """The group of which the first `_place` have their answers."""
        cdef _Asked asked
        cdef Py_ssize_t place = 0
        cdef dict error = self._error
        rows = self._taken()
        answered, self._place, self._commands, self._error = self._place, 0, 0, None
        while True:
            asked = self._waiting.popleft()
            if place >= answered:
                self._tell(asked, rows, error or asked.error)
                if error is not None:
                    error = _SKIPPED
            place += 1
            if asked.closes:
                break
        if self.answered is not None:
            self.answered()
        return 0

    cdef int _tell(self, _Asked asked, rows, error) except -1:
        # whoever asked may have left
        if asked.future.done():
            return 0
        if error is None:
            asked.future.set_result(rows)
        else:
            asked.future.set_exception(self._raised(error))
        return 0


cdef tuple _types(const unsigned char* text, Py_ssize_t at, Py_ssize_t end):
    """Of a RowDescription: the oids of the columns' types. Behind a name stand 18 bytes, the oid in the middle."""
    cdef list found = []
    at += 2
    while at < end:
        while at < end and text[at] != 0:
            at += 1
        if end - at < 19:
            raise ValueError("not a message of PostgreSQL")
        found.append(_uint32(text + at + 7))
        at += 19
    return tuple(found)


cdef dict _fields(bytes body):
    """Of an ErrorResponse: each a letter and a text."""
    return {
        part[:1].decode("ascii"): part[1:].decode("utf-8", "replace")
        for part in body.split(b"\0") if part
    }


cdef class _Writer:
    """Bytes that grow."""

    cdef unsigned char* text
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __dealloc__(self):
        PyMem_Free(self.text)

    cdef unsigned char* reserve(self, Py_ssize_t size) except NULL:
        cdef Py_ssize_t room = self.room
        cdef unsigned char* grown
        if self.size + size > room:
            room = max(2 * room, self.size + size, 256)
            grown = <unsigned char*>PyMem_Realloc(self.text, room)
            if grown == NULL:
                raise MemoryError
            self.text = grown
            self.room = room
        self.size += size
        return self.text + self.size - size

    cdef int int16(self, int value) except -1:
        cdef unsigned char* text = self.reserve(2)
        text[0] = value >> 8 & 0xFF
        text[1] = value & 0xFF
        return 0

    cdef int int32(self, uint32_t value) except -1:
        _put32(self.reserve(4), value)
        return 0

    cdef int int64(self, int64_t value) except -1:
        cdef unsigned char* text = self.reserve(8)
        _put32(text, <uint32_t>(<uint64_t>value >> 32))
        _put32(text + 4, <uint32_t>(<uint64_t>value & 0xFFFFFFFF))
        return 0

    cdef int float64(self, double value) except -1:
        cdef int64_t bits
        memcpy(&bits, &value, 8)
        return self.int64(bits)

    cdef int raw(self, const char* text, Py_ssize_t size) except -1:
        memcpy(self.reserve(size), text, size)
        return 0

    cdef int value(self, unsigned int oid, value) except -1:
        """Length and value, -1 for NULL."""
        cdef Py_ssize_t size = 0
        cdef const char* text
        if value is None:
            return self.int32(<uint32_t>-1)
        if oid == _UUID:
            self.int32(16)
            return self.uuid(value)
        if oid == _TEXT:
            if not isinstance(value, str):
                raise TypeError("a text")
            text = PyUnicode_AsUTF8AndSize(value, &size)
            self.int32(<uint32_t>size)
            return self.raw(text, size)
        if oid == _INT4:
            self.int32(4)
            return self.int32(<uint32_t><int32_t>_exact(value, int))
        if oid == _INT8:
            self.int32(8)
            return self.int64(_exact(value, int))
        if oid == _FLOAT8:
            self.int32(8)
            return self.float64(_exact(value, float))
        if oid == _BOOL:
            self.int32(1)
            self.reserve(1)[0] = 1 if _exact(value, bool) is True else 0
            return 0
        if oid == _TIMESTAMPTZ:
            self.int32(8)
            if value == _FIRST:
                return self.int64(INT64_MIN)
            if value == _LAST:
                return self.int64(INT64_MAX)
            since = value - _EPOCH
            return self.int64(
                (<int64_t>since.days * 86_400 + <int64_t>since.seconds) * 1_000_000 + <int64_t>since.microseconds
            )
        element = _ELEMENTS.get(oid)
        if element is None:
            raise TypeError(f"arguments of type {oid}")
        return self.array(element, value)

    cdef int uuid(self, value) except -1:
        cdef bytes sixteen = value.bytes
        if PyBytes_GET_SIZE(sixteen) != 16:
            raise TypeError("a UUID")
        return self.raw(PyBytes_AS_STRING(sixteen), 16)

    cdef int array(self, unsigned int oid, values) except -1:
        cdef Py_ssize_t start = self.size
        cdef uint32_t has_null = 0
        # not `in`, which would ask each value whether it equals None
        for value in values:
            if value is None:
                has_null = 1
                break
        self.int32(0)
        self.int32(1 if len(values) else 0)
        self.int32(has_null)
        self.int32(oid)
        if len(values):
            self.int32(<uint32_t>len(values))
            self.int32(1)
            for value in values:
                self.value(oid, value)
        _put32(self.text + start, <uint32_t>(self.size - start - 4))
        return 0


cdef object _exact(value, type_):
    if type(value) is not type_:
        raise TypeError(type_.__name__)
    return value


def bind(bytes name, oids, args):
    """Documented at `pipeline.bind`."""
    cdef _Writer writer = _Writer.__new__(_Writer)
    writer.raw("B\0\0\0\0\0", 6)
    # the name with its closing NUL, which every bytes object has
    writer.raw(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name) + 1)
    writer.int16(1)
    writer.int16(1)
    writer.int16(<int>len(oids))
    if len(args) != len(oids):
        raise TypeError("as many arguments as parameters")
    for oid, value in zip(oids, args):
        writer.value(oid, value)
    writer.int16(1)
    writer.int16(1)
    _put32(writer.text + 1, <uint32_t>(writer.size - 1))
    return PyBytes_FromStringAndSize(<const char*>writer.text, writer.size)


cdef inline void _put32(unsigned char* text, uint32_t value) noexcept nogil:
    text[0] = value >> 24 & 0xFF
    text[1] = value >> 16 & 0xFF
    text[2] = value >> 8 & 0xFF
    text[3] = value & 0xFF


cdef inline uint32_t _uint32(const unsigned char* text) noexcept nogil:
    return <uint32_t>text[0] << 24 | <uint32_t>text[1] << 16 | <uint32_t>text[2] << 8 | <uint32_t>text[3]
