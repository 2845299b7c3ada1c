# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False, embedsignature=True, embedsignature.format=clinic, auto_pickle=False
"""Rows as PostgreSQL sent them, looked at in place; `rows.py` explains and is the place to read first.

The bytes are DataRow messages of PostgreSQL's protocol 3.0 (manual, "Message Formats"), one after the other:
"D", the message's length, which counts itself, the number of columns, then for each its length (-1: NULL) and
its value in binary form, all big-endian. The types are told apart from them, once for all rows. Every read is
bounded: the table is walked once when it is made, and a cell's length is checked against its type there, so
that whoever reads a cell afterwards may trust it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport datetime_new, import_datetime, timedelta_new
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport INT32_MAX, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

import collections.abc
import datetime

import_datetime()

cdef object _UTC = datetime.timezone.utc
cdef object _EPOCH = datetime_new(2000, 1, 1, 0, 0, 0, 0, _UTC)
cdef int64_t _DAY = 86_400_000_000

# pg_type.dat: the oids of types that rows may have
cdef enum:
    _BOOL = 16
    _INT8 = 20
    _INT2 = 21
    _INT4 = 23
    _TEXT = 25
    _FLOAT8 = 701
    _VARCHAR = 1043
    _TIMESTAMPTZ = 1184
    _UUID = 2950


cdef class Table:
    """The cells of all rows; `Rows` are views of it."""

    def __cinit__(self, struct, oids, bytes data, uuid):
        self.struct = struct
        self.names = struct.__struct_fields__
        self.columns = len(self.names)
        if len(oids) != self.columns:
            raise ValueError(f"rows are not those of {struct.__name__}")
        self.data = data
        self.text = <const unsigned char*>PyBytes_AS_STRING(data)
        self.uuid = uuid
        self.forms = <int*>PyMem_Malloc(max(2 * self.columns, 1) * sizeof(int))
        if self.forms == NULL:
            raise MemoryError
        self._take_forms(oids)
        self._walk(PyBytes_GET_SIZE(data))
        self.made = [None] * self.size

    def __dealloc__(self):
        PyMem_Free(self.cells)
        PyMem_Free(self.forms)

    cdef int _take_forms(self, oids) except -1:
        """Note how each column is read, and behind all of them how long its values are."""
        cdef int* widths = self.forms + self.columns
        cdef Py_ssize_t column = 0
        for oid in oids:
            if _form(oid, &self.forms[column], &widths[column]) == 0:
                raise ValueError(f"{self.struct.__name__}.{self.names[column]}: type {oid} is not read in place")
            column += 1
        return 0

    cdef int _walk(self, Py_ssize_t size) except -1:
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t room = 0
        cdef Py_ssize_t end
        cdef Py_ssize_t column
        cdef int* widths = self.forms + self.columns
        cdef int32_t length
        cdef int32_t* cell
        if size > INT32_MAX:
            raise ValueError("rows of more than two gigabytes")
        while at < size:
            if size - at < 7 or self.text[at] != c"D":
                raise ValueError("rows end early")
            length = _int32(self.text + at + 1)
            if length < 6 or length > size - at - 1:
                raise ValueError("rows end early")
            end = at + 1 + length
            if (self.text[at + 5] << 8 | self.text[at + 6]) != self.columns:
                raise ValueError(f"rows are not those of {self.struct.__name__}")
            if self.size == room:
                room = self._grow(room)
            cell = self.cells + 2 * self.size * self.columns
            at += 7
            for column in range(self.columns):
                if end - at < 4:
                    raise ValueError("rows end early")
                length = _int32(self.text + at)
                at += 4
                if length < -1 or length > end - at:
                    raise ValueError("rows end early")
                if length != widths[column] and widths[column] and length != -1:
                    raise ValueError(f"a value of {self.names[column]} has {length} bytes")
                cell[0] = <int32_t>at
                cell[1] = length
                cell += 2
                if length > 0:
                    at += length
            if at != end:
                raise ValueError(f"rows are not those of {self.struct.__name__}")
            self.size += 1
        return 0

    cdef Py_ssize_t _grow(self, Py_ssize_t room) except -1:
        cdef Py_ssize_t wanted = max(32, 2 * room)
        cdef int32_t* cells = <int32_t*>PyMem_Realloc(
            self.cells, wanted * max(self.columns, 1) * 2 * sizeof(int32_t)
        )
        if cells == NULL:
            raise MemoryError
        self.cells = cells
        return wanted

    cdef int column_of(self, str name) except -2:
        """Its place, or -1 when the rows have no such column."""
        cdef int place = 0
        for known in self.names:
            if known == name:
                return place
            place += 1
        return -1

    cdef object value(self, Py_ssize_t row, Py_ssize_t column):
        cdef Py_ssize_t size = 0
        cdef const unsigned char* text = self.cell(row, column, &size)
        cdef int form = self.forms[column]
        if size < 0:
            return None
        if form == UUID_FORM:
            return self.uuid(PyBytes_FromStringAndSize(<const char*>text, 16))
        if form == TEXT_FORM:
            return PyUnicode_DecodeUTF8(<const char*>text, size, NULL)
        if form == INTEGER_FORM:
            return as_integer(text, size)
        if form == FLOAT_FORM:
            return as_float(text)
        if form == BOOLEAN_FORM:
            return text[0] != 0
        return _moment(as_integer(text, 8))

    cdef object row(self, Py_ssize_t row):
        made = self.made[row]
        if made is None:
            made = self.struct(*[self.value(row, column) for column in range(self.columns)])
            self.made[row] = made
        return made


cdef class Rows:
    """A sequence of structs, made when they are looked at; documented at `rows.unpack`."""

    def __dealloc__(self):
        PyMem_Free(self.picks)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        cdef Py_ssize_t place
        if isinstance(index, slice):
            return self._slice(*index.indices(self.count))
        place = index
        if place < 0:
            place += self.count
        if not 0 <= place < self.count:
            raise IndexError("no such row")
        return self.at(place)

    def __iter__(self):
        return iter([self.at(index) for index in range(self.count)])

    def __contains__(self, value):
        return value in list(self)

    def __eq__(self, other):
        if not isinstance(other, (Rows, list, tuple)):
            return NotImplemented
        return list(self) == list(other)

    def __repr__(self):
        return repr(list(self))

    __hash__ = None

    cdef object at(self, Py_ssize_t index):
        cdef Py_ssize_t place = self.place(index)
        return None if place < 0 else self.table.row(place)

    def _slice(self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step):
        cdef Rows made
        cdef Py_ssize_t count = len(range(start, stop, step))
        if step == 1 and self.picks == NULL:
            return view(self.table, self.start + start, count)
        made = picked(self.table, count)
        for index in range(count):
            made.picks[index] = <int32_t>self.place(start + index * step)
        return made

    def column(self, str name):
        """The values of one column, None where there is no row."""
        cdef int column = self.table.column_of(name)
        if column < 0:
            raise AttributeError(name)
        return [
            None if self.place(index) < 0 else self.table.value(self.place(index), column)
            for index in range(self.count)
        ]

    def take(self, indexes):
        """The rows at these places, in this order."""
        cdef Rows made = picked(self.table, len(indexes))
        cdef Py_ssize_t index = 0
        cdef Py_ssize_t place
        for place in indexes:
            if not 0 <= place < self.count:
                raise IndexError("no such row")
            made.picks[index] = <int32_t>self.place(place)
            index += 1
        return made

    def aligned(self, str name, keys):
        """For each key the first row that has it in a column of UUIDs, or None."""
        cdef dict places = {}
        cdef Py_ssize_t index
        cdef Rows made = picked(self.table, len(keys))
        cdef int column = self._uuids(name)
        for index in range(self.count - 1, -1, -1):
            places[self._key(index, column)] = self.place(index)
        index = 0
        for key in keys:
            place = places.get(key.bytes)
            made.picks[index] = -1 if place is None else place
            index += 1
        return made

    def grouped(self, str name, keys):
        """For each key the rows that have it in a column of UUIDs, in the order they have here."""
        cdef Groups groups = Groups.__new__(Groups)
        cdef int column = self._uuids(name)
        members = self._runs(column)
        if members is None:
            members = self._scattered(column)
        groups.fill(self, [members.get(key.bytes, ()) for key in keys])
        return groups

    def distinct(self, str name):
        """The different values of a column of UUIDs, and for each row the place of its own among them.

        None where a row is missing or has no value: whoever wants keys then asks for the column.
        """
        cdef dict places = {}
        cdef list values = []
        cdef list found = []
        cdef Py_ssize_t index
        cdef int column = self._uuids(name)
        for index in range(self.count):
            key = self._key(index, column)
            if not key:
                return None
            place = places.get(key)
            if place is None:
                place = places[key] = len(values)
                values.append(self.table.uuid(key))
            found.append(place)
        return values, found

    cdef dict _runs(self, int column):
        """Places here by key; None when rows of one key do not stand together, which a statement's order avoids."""
        cdef dict found = {}
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t begun = 0
        cdef Py_ssize_t index
        cdef const unsigned char* before = NULL
        cdef const unsigned char* text
        for index in range(self.count + 1):
            text = NULL
            if index < self.count:
                if self.place(index) < 0:
                    return None
                text = self.table.cell(self.place(index), column, &size)
                if size < 0:
                    return None
            if before != NULL and (text == NULL or memcmp(before, text, 16) != 0):
                key = PyBytes_FromStringAndSize(<const char*>before, 16)
                if key in found:
                    return None
                found[key] = range(begun, index)
                begun = index
            before = text
        return found

    cdef dict _scattered(self, int column):
        cdef dict found = {}
        cdef Py_ssize_t index
        for index in range(self.count):
            found.setdefault(self._key(index, column), []).append(index)
        return found

    cdef int _uuids(self, str name) except -1:
        cdef int column = self.table.column_of(name)
        if column < 0 or self.table.forms[column] != UUID_FORM:
            raise AttributeError(name)
        return column

    cdef bytes _key(self, Py_ssize_t index, int column):
        """Empty where there is no row, or no value: no key is that."""
        cdef Py_ssize_t size = -1
        cdef const unsigned char* text = NULL
        if self.place(index) >= 0:
            text = self.table.cell(self.place(index), column, &size)
        return b"" if size < 0 else PyBytes_FromStringAndSize(<const char*>text, size)


cdef class Groups:
    """A sequence of `Rows`, one for each key they were grouped for."""

    def __dealloc__(self):
        PyMem_Free(self.starts)
        PyMem_Free(self.counts)
        PyMem_Free(self.order)

    cdef int fill(self, Rows rows, list members) except -1:
        """`members`: for each group the places in `rows`."""
        cdef Py_ssize_t total = 0
        cdef Py_ssize_t index
        cdef Py_ssize_t place
        self.table = rows.table
        self.size = len(members)
        for group in members:
            total += len(group)
        self.starts = <int32_t*>PyMem_Malloc(max(self.size, 1) * sizeof(int32_t))
        self.counts = <int32_t*>PyMem_Malloc(max(self.size, 1) * sizeof(int32_t))
        self.order = <int32_t*>PyMem_Malloc(max(total, 1) * sizeof(int32_t))
        if self.starts == NULL or self.counts == NULL or self.order == NULL:
            raise MemoryError
        total = 0
        for index in range(self.size):
            self.starts[index] = <int32_t>total
            self.counts[index] = <int32_t>len(members[index])
            for place in members[index]:
                self.order[total] = <int32_t>rows.place(place)
                total += 1
        return 0

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        cdef Py_ssize_t place
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self.size))]
        place = index
        if place < 0:
            place += self.size
        if not 0 <= place < self.size:
            raise IndexError("no such group")
        cdef Rows made = picked(self.table, self.counts[place])
        memcpy(made.picks, self.order + self.starts[place], self.counts[place] * sizeof(int32_t))
        return made

    def __iter__(self):
        return iter([self[index] for index in range(self.size)])

    def __eq__(self, other):
        if not isinstance(other, (Groups, list, tuple)):
            return NotImplemented
        return list(self) == list(other)

    def __repr__(self):
        return repr(list(self))

    __hash__ = None

    cdef Rows flat(self):
        """All of them, one group after the other."""
        cdef Py_ssize_t total = 0
        cdef Py_ssize_t index
        for index in range(self.size):
            total += self.counts[index]
        cdef Rows made = picked(self.table, total)
        memcpy(made.picks, self.order, total * sizeof(int32_t))
        return made


def unpack(struct, oids, data, uuid):
    """Documented at `rows.unpack`; `uuid` makes an id of 16 bytes."""
    cdef Table table = Table(struct, oids, data, uuid)
    return view(table, 0, table.size)


def readable(oids):
    """Documented at `rows.readable`."""
    cdef int form
    cdef int width
    for oid in oids:
        if _form(oid, &form, &width) == 0:
            return False
    return True


cdef int _form(unsigned int oid, int* form, int* width) noexcept nogil:
    """How a type is read, and how many bytes it has, 0 for any number; false when it is not."""
    width[0] = 0
    if oid == _UUID:
        form[0], width[0] = UUID_FORM, 16
    elif oid == _TEXT or oid == _VARCHAR:
        form[0] = TEXT_FORM
    elif oid == _INT4:
        form[0], width[0] = INTEGER_FORM, 4
    elif oid == _INT8:
        form[0], width[0] = INTEGER_FORM, 8
    elif oid == _INT2:
        form[0], width[0] = INTEGER_FORM, 2
    elif oid == _FLOAT8:
        form[0], width[0] = FLOAT_FORM, 8
    elif oid == _BOOL:
        form[0], width[0] = BOOLEAN_FORM, 1
    elif oid == _TIMESTAMPTZ:
        form[0], width[0] = MOMENT_FORM, 8
    else:
        return 0
    return 1


cdef Rows view(Table table, Py_ssize_t start, Py_ssize_t count):
    cdef Rows rows = Rows.__new__(Rows)
    rows.table = table
    rows.start = start
    rows.count = count
    return rows


cdef Rows picked(Table table, Py_ssize_t count):
    """Room for `count` rows that the caller fills in; until then there is none at any place."""
    cdef Rows rows = Rows.__new__(Rows)
    cdef Py_ssize_t index
    rows.table = table
    rows.picks = <int32_t*>PyMem_Malloc(max(count, 1) * sizeof(int32_t))
    if rows.picks == NULL:
        raise MemoryError
    for index in range(count):
        rows.picks[index] = -1
    rows.count = count
    return rows


cdef object _moment(int64_t microseconds):
    return _EPOCH + timedelta_new(
        <int>(microseconds // _DAY), <int>(microseconds % _DAY // 1_000_000), <int>(microseconds % 1_000_000)
    )


cdef long long as_integer(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    """A signed number of 2, 4 or 8 bytes."""
    if size == 4:
        return _int32(text)
    if size == 8:
        return <int64_t>(<uint64_t><uint32_t>_int32(text) << 32 | <uint32_t>_int32(text + 4))
    return <int16_t>(<uint16_t>text[0] << 8 | text[1])


cdef double as_float(const unsigned char* text) noexcept nogil:
    cdef int64_t bits = as_integer(text, 8)
    cdef double value
    memcpy(&value, &bits, 8)
    return value


cdef inline int32_t _int32(const unsigned char* text) noexcept nogil:
    return <int32_t>(
        <uint32_t>text[0] << 24 | <uint32_t>text[1] << 16 | <uint32_t>text[2] << 8 | <uint32_t>text[3]
    )


collections.abc.Sequence.register(Rows)
collections.abc.Sequence.register(Groups)
