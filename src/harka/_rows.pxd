# What the executor may see of rows: their cells, without making objects of them.

from libc.stdint cimport int32_t


cdef enum Form:
    UUID_FORM
    TEXT_FORM
    INTEGER_FORM
    FLOAT_FORM
    BOOLEAN_FORM
    MOMENT_FORM


cdef class Table:
    cdef readonly object struct
    cdef readonly tuple names
    cdef readonly Py_ssize_t size
    cdef bytes data
    cdef const unsigned char* text
    cdef Py_ssize_t columns
    cdef int32_t* cells
    cdef int* forms
    cdef list made
    cdef object uuid

    cdef int _walk(self, Py_ssize_t size) except -1
    cdef Py_ssize_t _grow(self, Py_ssize_t room) except -1
    cdef int _take_forms(self, oids) except -1
    cdef int column_of(self, str name) except -2
    cdef object value(self, Py_ssize_t row, Py_ssize_t column)
    cdef object row(self, Py_ssize_t row)

    cdef inline const unsigned char* cell(self, Py_ssize_t row, Py_ssize_t column, Py_ssize_t* size) noexcept nogil:
        """The cell's bytes; `size` is -1 for NULL."""
        cdef int32_t* place = self.cells + 2 * (row * self.columns + column)
        size[0] = place[1]
        return self.text + place[0]


cdef class Rows:
    cdef readonly Table table
    cdef Py_ssize_t start
    cdef Py_ssize_t count
    cdef int32_t* picks

    cdef inline Py_ssize_t place(self, Py_ssize_t index) noexcept nogil:
        """The row in the table; -1 for none."""
        return self.start + index if self.picks == NULL else self.picks[index]

    cdef inline bint whole(self) noexcept nogil:
        """Whether there is a row at every place."""
        cdef Py_ssize_t index
        if self.picks != NULL:
            for index in range(self.count):
                if self.picks[index] < 0:
                    return False
        return True

    cdef object at(self, Py_ssize_t index)
    cdef int _uuids(self, str name) except -1
    cdef bytes _key(self, Py_ssize_t index, int column)
    cdef dict _runs(self, int column)
    cdef dict _scattered(self, int column)


cdef class Groups:
    cdef readonly Table table
    cdef Py_ssize_t size
    cdef int32_t* starts
    cdef int32_t* counts
    cdef int32_t* order

    cdef int fill(self, Rows rows, list members) except -1
    cdef Rows flat(self)


cdef Rows view(Table table, Py_ssize_t start, Py_ssize_t count)
cdef Rows picked(Table table, Py_ssize_t count)
cdef long long as_integer(const unsigned char* text, Py_ssize_t size) noexcept nogil
cdef double as_float(const unsigned char* text) noexcept nogil
