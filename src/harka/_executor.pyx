# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False, embedsignature=True, embedsignature.format=clinic, auto_pickle=False
"""Answers written as bytes, a level of the operation at a time; `graph/batch.py` drives it.

A `Shape` is what an operation selects on one type. A `Frame` is all objects of one place in the answer with
their shape: first the driver has every field of it resolved, for all objects together, which makes the frames
of the next level; at the end the frames are written from the last to the first, each object's text once,
into which the texts of its children are copied as they stand.

Whatever is not plain (a null where none may be, a value its type does not take, an object of another class)
raises `UncoveredError`, and nothing is lost: the operation is then executed by graphql-core.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from harka._rows cimport (
    BOOLEAN_FORM,
    FLOAT_FORM,
    INTEGER_FORM,
    MOMENT_FORM,
    TEXT_FORM,
    UUID_FORM,
    Groups,
    Rows,
    Table,
    as_float,
    as_integer,
    picked,
)
from harka._siphash cimport Sip, absorb, absorb_words, folded, rounds, start

from harka.codec import json_bytes

cdef enum Codec:
    TEXT
    INTEGER
    FLOAT
    BOOLEAN
    MOMENT
    CHOICE
    ANY

cdef enum Kind:
    LEAF
    SEALED
    CONSTANT
    VALUES
    CHILD

cdef dict _CODECS = {
    "String": TEXT, "ID": TEXT, "Int": INTEGER, "Float": FLOAT, "Boolean": BOOLEAN, "DateTime": MOMENT,
}
cdef const char* _DIGITS = b"0123456789"
cdef const char* _HEX = b"0123456789abcdef"
cdef const char* _BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
cdef int64_t _EPOCH_DAYS = 10_957  # from 1970 to PostgreSQL's 2000
cdef int64_t _DAY = 86_400_000_000
cdef int64_t _INT32 = 0x7FFF_FFFF


class UncoveredError(Exception):
    """The answer is not plain; graphql-core says what it is instead."""


cdef class Seal:
    """Makes the node ids of one tenant, as `ids.NodeIds` does: that is its twin."""

    cdef Sip bound

    def __init__(self, bytes key, bytes tenant):
        """`key`, `tenant`: 16 bytes each."""
        if len(key) != 16 or len(tenant) != 16:
            raise ValueError("a key and a tenant have 16 bytes")
        start(&self.bound, <const unsigned char*>PyBytes_AS_STRING(key))
        absorb_words(&self.bound, <const unsigned char*>PyBytes_AS_STRING(tenant), 16)

    def seal(self, int kind, bytes id_):
        """The node id as text."""
        cdef char[34] out
        if len(id_) != 16:
            raise ValueError("an id has 16 bytes")
        self.write(out, kind, <const unsigned char*>PyBytes_AS_STRING(id_))
        return PyBytes_FromStringAndSize(out, 34).decode("ascii")

    cdef void write(self, char* out, int kind, const unsigned char* id_) noexcept nogil:
        """34 characters: base64url of kind, id and an 8-byte tag over tenant, kind and id."""
        cdef unsigned char[27] sealed
        cdef Sip sip = self.bound
        cdef uint64_t tag
        cdef uint64_t bits
        cdef int index
        sealed[0] = <unsigned char>kind
        memcpy(sealed + 1, id_, 16)
        # absorb_words closes a text of 17 bytes; the whole text has 33
        absorb(&sip, (absorb_words(&sip, sealed, 17) & 0xFF) | <uint64_t>33 << 56)
        sip.v2 ^= 0xFF
        rounds(&sip, 4)
        tag = folded(&sip)
        for index in range(8):
            sealed[17 + index] = <unsigned char>(tag >> 8 * index & 0xFF)
        sealed[25] = sealed[26] = 0
        for index in range(9):
            bits = <uint64_t>sealed[3 * index] << 16 | <uint64_t>sealed[3 * index + 1] << 8 | sealed[3 * index + 2]
            out[4 * index] = _BASE64[bits >> 18]
            out[4 * index + 1] = _BASE64[bits >> 12 & 63]
            if index < 8:
                out[4 * index + 2] = _BASE64[bits >> 6 & 63]
                out[4 * index + 3] = _BASE64[bits & 63]


cdef class Field:
    """One field of a selection. `step` is the driver's own: how the field is resolved."""

    cdef readonly str name
    cdef readonly object step
    cdef bytes head
    cdef Kind kind
    cdef Codec codec
    cdef bint nullable
    cdef bytes constant
    cdef dict choices
    cdef list choice_texts
    cdef object encode
    cdef bint many
    cdef bint nullable_items
    cdef object shapes
    cdef Py_ssize_t slot

    def __init__(self, str key, str name, step=None):
        """`key`: in the answer. `name`: the attribute or column."""
        self.head = b'"' + key.encode() + b'":'
        self.name = name
        self.step = step

    @classmethod
    def leaf(cls, key, name, type_, *, nullable, step=None, choices=None, encode=None):
        """A value. `type_`: of `String`, `ID`, `Int`, `Float`, `Boolean`, `DateTime`, or anything else.

        `choices`: of an enum, the names by value. `encode`: JSON bytes of a value of any other type.
        """
        cdef Field made = cls(key, name, step)
        made.kind = LEAF if step is None else VALUES
        made.nullable = nullable
        made.encode = encode
        made.codec = CHOICE if choices is not None else _CODECS.get(type_, ANY)
        if choices is not None:
            made.choices = {value: b'"' + text.encode() + b'"' for value, text in choices.items()}
            made.choice_texts = [
                (value.encode(), text) for value, text in made.choices.items() if type(value) is str
            ]
        return made

    @classmethod
    def sealed(cls, key):
        """The node id, of the attribute or column `id`."""
        cdef Field made = cls(key, "id")
        made.kind = SEALED
        return made

    @classmethod
    def text(cls, key, text):
        """The same text for every object: `__typename`."""
        cdef Field made = cls(key, "")
        made.kind = CONSTANT
        made.constant = json_bytes(text)
        return made

    @classmethod
    def child(cls, key, name, shapes, *, many, nullable, nullable_items, step=None):
        """Objects, one or a list. `shapes`: their `Shape`, or one for each class where there are several."""
        cdef Field made = cls(key, name, step)
        made.kind = CHILD
        made.shapes = shapes
        made.many = many
        made.nullable = nullable
        made.nullable_items = nullable_items
        return made

    cdef Shape shape_for(self, object struct):
        shape = self.shapes if isinstance(self.shapes, Shape) else self.shapes.get(struct)
        if shape is None:
            raise UncoveredError
        return shape


cdef class Shape:
    """The fields selected on one type. `struct`: the class its objects have, None for any. `node`: its `NodeKind`."""

    cdef readonly list steps
    cdef list fields
    cdef object struct
    cdef int node
    cdef Py_ssize_t slots
    cdef object columns_of
    cdef int* columns

    def __init__(self, struct, node):
        self.struct = struct
        self.node = node
        self.fields = []
        self.steps = []

    def __dealloc__(self):
        PyMem_Free(self.columns)

    def add(self, Field field):
        if field.kind == VALUES or field.kind == CHILD:
            field.slot = self.slots
            self.slots += 1
            self.steps.append(field)
        self.fields.append(field)

    cdef int place_columns(self, Table table) except -1:
        """Where each field stands in rows of this class; the place of a field without a column is -1."""
        cdef Py_ssize_t index
        if self.columns_of is table.struct:
            return 0
        if self.columns == NULL:
            self.columns = <int*>PyMem_Malloc(max(len(self.fields), 1) * sizeof(int))
            if self.columns == NULL:
                raise MemoryError
        for index in range(len(self.fields)):
            self.columns[index] = table.column_of((<Field>self.fields[index]).name)
        self.columns_of = table.struct
        return 0


cdef class Link:
    """How the objects of a frame find their children. `counts`: for each object how many, -1 for null."""

    cdef list frames
    cdef int32_t* counts
    cdef int32_t* frame_of
    cdef int32_t* place_of

    def __cinit__(self, Py_ssize_t size):
        self.frames = []
        self.counts = <int32_t*>PyMem_Malloc(max(size, 1) * sizeof(int32_t))
        if self.counts == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.counts)
        PyMem_Free(self.frame_of)
        PyMem_Free(self.place_of)

    cdef int scatter(self, Py_ssize_t size) except -1:
        """Children are not simply those of the first frame, in order: say for each where it is."""
        self.frame_of = <int32_t*>PyMem_Malloc(max(size, 1) * sizeof(int32_t))
        self.place_of = <int32_t*>PyMem_Malloc(max(size, 1) * sizeof(int32_t))
        if self.frame_of == NULL or self.place_of == NULL:
            raise MemoryError
        return 0


cdef class Frame:
    """All objects at one place of the answer that have one shape."""

    cdef readonly Shape shape
    cdef readonly object sources
    cdef Rows rows
    cdef Py_ssize_t size
    cdef list slots
    cdef char* out
    cdef Py_ssize_t length
    cdef Py_ssize_t room
    cdef int64_t* starts

    def __init__(self, Shape shape, sources):
        self.shape = shape
        self.sources = sources
        self.size = len(sources)
        self.slots = [None] * shape.slots
        if isinstance(sources, Rows):
            self.rows = sources
            if shape.struct is not None and self.rows.table.struct is not shape.struct:
                raise UncoveredError
            shape.place_columns(self.rows.table)
        elif shape.struct is not None:
            for source in sources:
                if type(source) is not shape.struct:
                    raise UncoveredError

    def __dealloc__(self):
        PyMem_Free(self.out)
        PyMem_Free(self.starts)

    def column(self, str name):
        """The values of one attribute, in the order of the objects."""
        if self.rows is not None and self.rows.table.column_of(name) >= 0:
            return self.rows.column(name)
        return [getattr(source, name) for source in self.sources]

    def keys(self, str name):
        """The different ids of one attribute, and for each object the place of its own among them.

        None where that is not to be had from the cells: then `column` answers what there is.
        """
        cdef int column
        if self.rows is None:
            return None
        column = self.rows.table.column_of(name)
        if column < 0 or self.rows.table.size == 0 or self.rows.table.forms[column] != UUID_FORM:
            return None
        return self.rows.distinct(name)

    def attach(self, Field field, values):
        """Take what a field resolved to, one value for each object; answer the frames of its objects."""
        if len(values) != self.size:
            raise UncoveredError
        if field.kind == VALUES:
            self.slots[field.slot] = values
            return ()
        cdef Link link = Link(self.size)
        objects = self._flat_list(field, values, link) if field.many else self._flat(field, values, link)
        self.slots[field.slot] = link
        self._frame(field, objects, link)
        return link.frames

    cdef object _flat(self, Field field, values, Link link):
        """The objects themselves, nulls left out."""
        cdef Py_ssize_t index
        cdef Py_ssize_t found = 0
        cdef Rows rows
        cdef Rows made
        if isinstance(values, Rows):
            rows = values
            for index in range(self.size):
                link.counts[index] = 1 if rows.place(index) >= 0 else -1
                found += rows.place(index) >= 0
            if found == self.size:
                return rows
            self._allow_null(field)
            made = picked(rows.table, found)
            found = 0
            for index in range(self.size):
                if rows.place(index) >= 0:
                    made.picks[found] = <int32_t>rows.place(index)
                    found += 1
            return made
        objects = []
        for index in range(self.size):
            value = values[index]
            if value is None:
                self._allow_null(field)
            else:
                objects.append(value)
            link.counts[index] = -1 if value is None else 1
        return objects

    cdef object _flat_list(self, Field field, values, Link link):
        """The objects of all lists, one list after the other."""
        cdef Py_ssize_t index
        if isinstance(values, Groups):
            for index in range(self.size):
                link.counts[index] = (<Groups>values).counts[index]
            return (<Groups>values).flat()
        for index in range(self.size):
            value = values[index]
            if value is None:
                self._allow_null(field)
                link.counts[index] = -1
            elif isinstance(value, (Rows, list, tuple)):
                link.counts[index] = <int32_t>len(value)
            else:
                raise UncoveredError
        if self.size == 1 and values[0] is not None:
            return values[0]
        joined = _joined(values)
        return [item for value in values if value is not None for item in value] if joined is None else joined

    cdef int _allow_null(self, Field field) except -1:
        if not field.nullable:
            raise UncoveredError
        return 0

    cdef int _frame(self, Field field, objects, Link link) except -1:
        cdef Py_ssize_t index
        cdef Frame frame
        if isinstance(objects, Rows):
            if not (<Rows>objects).whole():
                objects = list(objects)
            else:
                if len(objects):
                    link.frames.append(Frame(field.shape_for((<Rows>objects).table.struct), objects))
                return 0
        if isinstance(field.shapes, Shape) and None not in objects:
            if len(objects):
                link.frames.append(Frame(field.shapes, list(objects)))
            return 0
        self._sort(field, objects, link)
        return 0

    cdef int _sort(self, Field field, objects, Link link) except -1:
        """Objects of several classes, or nulls among them: a frame for each shape."""
        cdef dict numbers = {}
        cdef list members = []
        cdef list shapes = []
        cdef Py_ssize_t index
        cdef Py_ssize_t number
        link.scatter(len(objects))
        for index in range(len(objects)):
            source = objects[index]
            if source is None:
                if not field.nullable_items:
                    raise UncoveredError
                link.frame_of[index] = -1
                continue
            shape = field.shape_for(type(source))
            if shape not in numbers:
                numbers[shape] = len(shapes)
                shapes.append(shape)
                members.append([])
            number = numbers[shape]
            link.frame_of[index] = <int32_t>number
            link.place_of[index] = <int32_t>len(members[number])
            (<list>members[number]).append(source)
        for index in range(len(shapes)):
            link.frames.append(Frame(shapes[index], members[index]))
        return 0

    def write(self, Seal seal):
        """Write every object's text; the frames of its children are written already."""
        cdef Py_ssize_t index
        cdef Py_ssize_t place
        cdef Py_ssize_t count = len(self.shape.fields)
        cdef Field field
        cdef list seen = [0] * self.shape.slots
        self.starts = <int64_t*>PyMem_Malloc((self.size + 1) * sizeof(int64_t))
        if self.starts == NULL:
            raise MemoryError
        for index in range(self.size):
            self.starts[index] = self.length
            self._char(c"{")
            for place in range(count):
                field = <Field>(<list>self.shape.fields)[place]
                if place:
                    self._char(c",")
                self._put(PyBytes_AS_STRING(field.head), PyBytes_GET_SIZE(field.head))
                self._write_field(field, index, place, seal, seen)
            # the comma behind it joins it to its neighbour in a list
            self._put("},", 2)
        self.starts[self.size] = self.length

    def data(self):
        """The text of a root frame's only object."""
        return PyBytes_FromStringAndSize(self.out, self.length - 1)

    cdef int _write_field(self, Field field, Py_ssize_t index, Py_ssize_t place, Seal seal, list seen) except -1:
        cdef int column
        if field.kind == CHILD:
            return self._write_children(field, index, seen)
        if field.kind == VALUES:
            return self._write_value(field, self.slots[field.slot][index])
        if field.kind == CONSTANT:
            return self._put(PyBytes_AS_STRING(field.constant), PyBytes_GET_SIZE(field.constant))
        column = -1 if self.rows is None else self.shape.columns[place]
        if column >= 0:
            return self._write_cell(field, self.rows.table, self.rows.place(index), column, seal)
        if field.kind == SEALED:
            return self._write_sealed(self.sources[index].id.bytes, seal)
        return self._write_value(field, getattr(self.sources[index], field.name))

    cdef int _write_children(self, Field field, Py_ssize_t index, list seen) except -1:
        cdef Link link = self.slots[field.slot]
        cdef int32_t count = link.counts[index]
        cdef Py_ssize_t first = seen[field.slot]
        cdef Frame frame
        if count < 0:
            return self._put("null", 4)
        seen[field.slot] = first + count
        if field.many:
            self._char(c"[")
        if count and link.frame_of == NULL:
            frame = link.frames[0]
            self._put(
                frame.out + frame.starts[first], frame.starts[first + count] - frame.starts[first] - 1
            )
        elif count:
            self._write_scattered(link, first, count)
        if field.many:
            self._char(c"]")
        return 0

    cdef int _write_scattered(self, Link link, Py_ssize_t first, int32_t count) except -1:
        cdef Py_ssize_t index
        cdef Py_ssize_t place
        cdef Frame frame
        for index in range(first, first + count):
            if index > first:
                self._char(c",")
            if link.frame_of[index] < 0:
                self._put("null", 4)
                continue
            frame = link.frames[link.frame_of[index]]
            place = link.place_of[index]
            self._put(frame.out + frame.starts[place], frame.starts[place + 1] - frame.starts[place] - 1)
        return 0

    cdef int _write_null(self, Field field) except -1:
        self._allow_null(field)
        return self._put("null", 4)

    cdef int _write_cell(
        self, Field field, Table table, Py_ssize_t row, int column, Seal seal
    ) except -1:
        cdef Py_ssize_t size = 0
        cdef const unsigned char* text = table.cell(row, column, &size)
        cdef int form = table.forms[column]
        if field.kind == SEALED:
            if size != 16:
                raise UncoveredError
            self._need(36)
            self.out[self.length] = c'"'
            seal.write(self.out + self.length + 1, self.shape.node, text)
            self.out[self.length + 35] = c'"'
            self.length += 36
            return 0
        if size < 0:
            return self._write_null(field)
        if field.codec == TEXT and form == TEXT_FORM:
            return self._write_text(text, size)
        if field.codec == CHOICE and form == TEXT_FORM:
            return self._write_choice(field, text, size)
        if field.codec == INTEGER and form == INTEGER_FORM:
            return self._write_integer(as_integer(text, size))
        if field.codec == FLOAT and form == FLOAT_FORM:
            return self._write_float(as_float(text))
        if field.codec == MOMENT and form == MOMENT_FORM:
            return self._write_moment(as_integer(text, 8))
        if field.codec == BOOLEAN and form == BOOLEAN_FORM:
            return self._put("true", 4) if text[0] else self._put("false", 5)
        return self._write_value(field, table.value(row, column))

    cdef int _write_sealed(self, bytes id_, Seal seal) except -1:
        if PyBytes_GET_SIZE(id_) != 16:
            raise UncoveredError
        self._need(36)
        self.out[self.length] = c'"'
        seal.write(self.out + self.length + 1, self.shape.node, <const unsigned char*>PyBytes_AS_STRING(id_))
        self.out[self.length + 35] = c'"'
        self.length += 36
        return 0

    cdef int _write_value(self, Field field, value) except -1:
        """A Python value, by its leaf type; what graphql-core would have to convert goes through `encode`."""
        cdef Py_ssize_t size = 0
        cdef const char* text
        cdef bytes made
        if value is None:
            return self._write_null(field)
        if field.codec == CHOICE:
            made = field.choices.get(value)
            if made is None:
                raise UncoveredError
            return self._put(PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))
        if type(value) is str and field.codec == TEXT:
            text = PyUnicode_AsUTF8AndSize(value, &size)
            return self._write_text(<const unsigned char*>text, size)
        if type(value) is int and field.codec == INTEGER:
            if not -_INT32 - 1 <= value <= _INT32:
                raise UncoveredError
            return self._write_integer(value)
        if type(value) is bool and field.codec == BOOLEAN:
            return self._put("true", 4) if value else self._put("false", 5)
        if type(value) is float and field.codec == FLOAT:
            return self._write_float(value)
        if field.encode is None:
            raise UncoveredError
        made = field.encode(value)
        return self._put(PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))

    cdef int _write_choice(self, Field field, const unsigned char* text, Py_ssize_t size) except -1:
        cdef bytes known
        cdef bytes shown
        for pair in field.choice_texts:
            known = (<tuple>pair)[0]
            if PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), text, size) == 0:
                shown = (<tuple>pair)[1]
                return self._put(PyBytes_AS_STRING(shown), PyBytes_GET_SIZE(shown))
        raise UncoveredError

    cdef int _write_float(self, double value) except -1:
        # a whole number that fits, as orjson writes it; the rest is orjson's own
        if -1e15 < value < 1e15 and value == <double><int64_t>value and not (value == 0 and 1 / value < 0):
            self._write_number(<int64_t>value)
            return self._put(".0", 2)
        if value != value or value - value != 0:
            raise UncoveredError
        if self._write_decimal(value):
            return 0
        cdef bytes made = json_bytes(value)
        return self._put(PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))

    cdef bint _write_decimal(self, double value) except -1:
        """Write a number of a few decimals; answer False, and write nothing, for any other.

        The quotient of two integers that doubles hold exactly is the double nearest to that decimal fraction.
        If that is the value, then the fraction reads back as it, and no shorter one was found to: with at most
        15 digits there is one for each length, and it is what orjson (by Ryū) writes too.
        """
        cdef double magnitude = -value if value < 0 else value
        cdef double scale = 1.0
        cdef double scaled
        cdef int64_t whole
        cdef int64_t unit = 1
        cdef int decimals
        if not 1e-3 <= magnitude < 1e6:
            return False
        for decimals in range(1, 10):
            scale *= 10.0
            unit *= 10
            scaled = magnitude * scale
            whole = <int64_t>(scaled + 0.5)
            if <double>whole / scale == magnitude:
                if value < 0:
                    self._char(c"-")
                self._write_number(whole // unit)
                self._need(decimals + 2)
                self.out[self.length] = c"."
                self.length += 1
                self._digits(whole % unit, decimals, 0)
                self.length -= 1
                return True
        return False

    cdef int _write_integer(self, int64_t value) except -1:
        if not -_INT32 - 1 <= value <= _INT32:
            raise UncoveredError
        return self._write_number(value)

    cdef int _write_number(self, int64_t value) except -1:
        cdef char[20] digits
        cdef int at = 20
        cdef uint64_t left = <uint64_t>(-value if value < 0 else value)
        while True:
            at -= 1
            digits[at] = _DIGITS[left % 10]
            left //= 10
            if not left:
                break
        if value < 0:
            self._char(c"-")
        return self._put(digits + at, 20 - at)

    cdef int _write_moment(self, int64_t microseconds) except -1:
        """As `datetime.isoformat` writes a moment in UTC. The calendar is Howard Hinnant's `civil_from_days`."""
        cdef int64_t days = microseconds // _DAY
        cdef int64_t rest = microseconds % _DAY
        if rest < 0:
            days -= 1
            rest += _DAY
        cdef int64_t shifted = days + _EPOCH_DAYS + 719_468
        cdef int64_t era = (shifted if shifted >= 0 else shifted - 146_096) // 146_097
        cdef int64_t of_era = shifted - era * 146_097
        cdef int64_t year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
        cdef int64_t of_year = of_era - (365 * year + year // 4 - year // 100)
        cdef int64_t month = (5 * of_year + 2) // 153
        cdef int64_t day = of_year - (153 * month + 2) // 5 + 1
        month = month + 3 if month < 10 else month - 9
        year += era * 400 + (month <= 2)
        if not 1 <= year <= 9999:
            raise UncoveredError
        cdef int64_t second = rest // 1_000_000
        self._need(40)
        self.out[self.length] = c'"'
        self.length += 1
        self._digits(year, 4, c"-")
        self._digits(month, 2, c"-")
        self._digits(day, 2, c"T")
        self._digits(second // 3600, 2, c":")
        self._digits(second // 60 % 60, 2, c":")
        if rest % 1_000_000:
            self._digits(second % 60, 2, c".")
            self._digits(rest % 1_000_000, 6, c"+")
        else:
            self._digits(second % 60, 2, c"+")
        return self._put('00:00"', 6)

    cdef void _digits(self, int64_t value, int count, char after) noexcept nogil:
        """Within the room that the caller has made."""
        cdef int index
        for index in range(count - 1, -1, -1):
            self.out[self.length + index] = _DIGITS[value % 10]
            value //= 10
        self.out[self.length + count] = after
        self.length += count + 1

    cdef int _write_text(self, const unsigned char* text, Py_ssize_t size) except -1:
        """A JSON string with orjson's escapes: those of one letter, `\\u00XX` for other control characters."""
        cdef Py_ssize_t index
        cdef unsigned char byte
        cdef char* out
        self._need(6 * size + 2)
        out = self.out + self.length
        out[0] = c'"'
        out += 1
        for index in range(size):
            byte = text[index]
            if byte >= 0x20 and byte != c'"' and byte != c"\\":
                out[0] = <char>byte
                out += 1
            else:
                out = _escape(out, byte)
        out[0] = c'"'
        self.length = out + 1 - self.out
        return 0

    cdef inline int _char(self, char byte) except -1:
        self._need(1)
        self.out[self.length] = byte
        self.length += 1
        return 0

    cdef inline int _put(self, const char* text, Py_ssize_t size) except -1:
        self._need(size)
        memcpy(self.out + self.length, text, size)
        self.length += size
        return 0

    cdef inline int _need(self, Py_ssize_t more) except -1:
        return 0 if self.length + more <= self.room else self._grow(more)

    cdef int _grow(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t wanted = max(2 * self.room, self.length + more, 512)
        cdef char* grown = <char*>PyMem_Realloc(self.out, wanted)
        if grown == NULL:
            raise MemoryError
        self.out = grown
        self.room = wanted
        return 0


cdef char* _escape(char* out, unsigned char byte) noexcept nogil:
    cdef char letter = 0
    if byte == c'"' or byte == c"\\":
        letter = <char>byte
    elif byte == 8:
        letter = c"b"
    elif byte == 9:
        letter = c"t"
    elif byte == 10:
        letter = c"n"
    elif byte == 12:
        letter = c"f"
    elif byte == 13:
        letter = c"r"
    out[0] = c"\\"
    if letter:
        out[1] = letter
        return out + 2
    memcpy(out + 1, "u00", 3)
    out[4] = _HEX[byte >> 4]
    out[5] = _HEX[byte & 15]
    return out + 6


cdef Rows _joined(values):
    """All rows as one view, where every list is rows of one table; None otherwise."""
    cdef Table table = None
    cdef Py_ssize_t total = 0
    cdef Py_ssize_t index
    cdef Py_ssize_t at = 0
    cdef Rows rows
    for value in values:
        if value is None:
            continue
        if not isinstance(value, Rows) or (table is not None and (<Rows>value).table is not table):
            return None
        table = (<Rows>value).table
        total += (<Rows>value).count
    if table is None:
        return None
    cdef Rows made = picked(table, total)
    for value in values:
        if value is None:
            continue
        rows = value
        for index in range(rows.count):
            made.picks[at] = <int32_t>rows.place(index)
            at += 1
    return made
