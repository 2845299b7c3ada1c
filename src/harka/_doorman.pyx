# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False, embedsignature=True, embedsignature.format=clinic, auto_pickle=False
"""Refuses on a thread of its own, without the interpreter; `doorman.py` explains, read that first.

What both threads touch is under one lock, which neither holds through `recv` or `send`. Of a
seat the doorman looks at, the loop takes nothing away: it waits until he has looked (`_wait_for`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

import os
import threading

from harka._siphash cimport hash64, text_t

cdef extern from "<string.h>" nogil:
    void* memmem(const void*, size_t, const void*, size_t)

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event*)
    int epoll_wait(int, epoll_event*, int, int)
    enum: EPOLL_CLOEXEC
    enum: EPOLLIN
    enum: EPOLLRDHUP
    enum: EPOLL_CTL_ADD
    enum: EPOLL_CTL_DEL

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int, int)
    enum: EFD_CLOEXEC
    enum: EFD_NONBLOCK

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int, void*, size_t, int)
    ssize_t send(int, const void*, size_t, int)
    int shutdown(int, int)
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    enum: SHUT_RDWR

cdef extern from "<unistd.h>" nogil:
    ssize_t read(int, void*, size_t)
    ssize_t write(int, const void*, size_t)
    int close(int)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t*, void*)
    int pthread_mutex_lock(pthread_mutex_t*)
    int pthread_mutex_unlock(pthread_mutex_t*)

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec*)
    enum: CLOCK_MONOTONIC

cdef enum:
    _SEATS = 4096
    _SIGNS = 1024
    # a power of two, of which a half is used at the most
    _PLACES = 8192
    # a seat has one request in transit at the most, and what it is given back with
    _RING = 2 * _SEATS
    _EVENTS = 256
    # of one request: a longer one is for the loop
    _READ = 16384
    _ANSWER = 32768
    _LONGEST_HEAD = 2048
    _LONGEST_ADDRESS = 64
    _LONGEST_TEXT = 4096
    _ID = 32
    _NOBODY = -1
    _HALT = 0

cdef struct Seat:
    int fd
    # a ticket of an earlier turn is void; 0 is nobody's
    uint32_t turn
    # nothing is under way on the connection, and all is sent
    bint rests
    # it was given back, and the loop has not heard of that yet
    bint is_leaving
    double refused_at
    char[_LONGEST_ADDRESS] address
    Py_ssize_t address_size

cdef struct Face:
    uint64_t mark
    Py_ssize_t body_size
    int sign
    # of the answer what stands before the id, and what behind it; NULL where the place is free
    char* text
    Py_ssize_t before
    Py_ssize_t after

cdef struct Sign:
    int64_t room
    int64_t in_transit
    int64_t refused

cdef struct Passed:
    uint32_t seat
    uint32_t turn
    # whose signs were up then
    uint64_t epoch
    int sign
    bint is_last
    # the end of a refusal
    bint is_unsent
    char* data
    Py_ssize_t size


cdef class Doorman:
    cdef readonly int bell
    cdef pthread_mutex_t _lock
    cdef int _poll
    cdef int _halt
    cdef Seat* _seats
    cdef list _free_seats
    cdef Face* _faces
    cdef int _known
    cdef Sign* _signs
    cdef int _used_signs
    cdef uint64_t _epoch
    cdef Passed* _ring
    cdef uint64_t _put
    cdef uint64_t _got
    cdef bint _has_rung
    cdef int64_t _looks_at
    cdef uint64_t _seed
    cdef unsigned char[16] _key
    cdef bytes _status
    cdef bytes _end
    cdef const char* _status_text
    cdef const char* _end_text
    cdef Py_ssize_t _status_size
    cdef Py_ssize_t _end_size
    cdef char* _data
    cdef char* _answer
    cdef char[_LONGEST_TEXT] _lines
    cdef Py_ssize_t _lines_size
    cdef object _thread

    def __cinit__(self, bytes status, bytes end):
        pthread_mutex_init(&self._lock, NULL)
        self._seats = <Seat*>calloc(_SEATS, sizeof(Seat))
        self._faces = <Face*>calloc(_PLACES, sizeof(Face))
        self._signs = <Sign*>calloc(_SIGNS, sizeof(Sign))
        self._ring = <Passed*>calloc(_RING, sizeof(Passed))
        self._data = <char*>malloc(_READ)
        self._answer = <char*>malloc(_ANSWER)
        self._poll = epoll_create1(EPOLL_CLOEXEC)
        self._halt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        self.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        if self._seats == NULL or self._faces == NULL or self._signs == NULL or self._ring == NULL:
            raise MemoryError
        if self._data == NULL or self._answer == NULL:
            raise MemoryError
        if min(self._poll, self._halt, self.bell) < 0:
            raise OSError("no descriptors left for a doorman")
        if PyBytes_GET_SIZE(status) > _LONGEST_TEXT or PyBytes_GET_SIZE(end) > _LONGEST_TEXT:
            raise ValueError("a refusal is not as long")
        self._status, self._end = status, end
        # as he may not ask an object
        self._status_text, self._status_size = PyBytes_AS_STRING(status), PyBytes_GET_SIZE(status)
        self._end_text, self._end_size = PyBytes_AS_STRING(end), PyBytes_GET_SIZE(end)
        self._free_seats = list(range(_SEATS))
        self._looks_at = _NOBODY
        cdef bytes key = os.urandom(16)
        memcpy(self._key, PyBytes_AS_STRING(key), 16)
        self._seed = int.from_bytes(os.urandom(8), "little")

    def __dealloc__(self):
        if self._faces != NULL:
            self._forget()
        if self._ring != NULL:
            while self._got < self._put:
                free(self._ring[self._got % _RING].data)
                self._got += 1
        free(self._seats)
        free(self._faces)
        free(self._signs)
        free(self._ring)
        free(self._data)
        free(self._answer)
        for fd in (self._poll, self._halt, self.bell):
            # 0 where the arguments were none for him, and nothing was opened
            if fd > 0:
                close(fd)

    def start(self):
        """Begin to look; once."""
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.u64 = _HALT
        epoll_ctl(self._poll, EPOLL_CTL_ADD, self._halt, &event)
        self._thread = threading.Thread(target=self._run, name="doorman", daemon=True)
        self._thread.start()

    def stop(self):
        """Wait until he has gone; what has a seat is looked at by nobody then."""
        cdef uint64_t one = 1
        write(self._halt, &one, sizeof(one))
        if self._thread is not None:
            self._thread.join()

    # what the loop does

    def seat(self, int fd, bytes address):
        """Look after a connection from here on, whose socket nobody else reads. Its number; None: no room."""
        cdef int number
        cdef Seat* seat
        cdef epoll_event event
        if not self._free_seats or PyBytes_GET_SIZE(address) > _LONGEST_ADDRESS:
            return None
        number = self._free_seats.pop()
        seat = &self._seats[number]
        event.events = EPOLLIN | EPOLLRDHUP
        pthread_mutex_lock(&self._lock)
        seat.fd, seat.rests, seat.is_leaving, seat.refused_at = fd, False, False, 0.0
        seat.turn += 1
        seat.address_size = PyBytes_GET_SIZE(address)
        memcpy(seat.address, PyBytes_AS_STRING(address), seat.address_size)
        event.data.u64 = <uint64_t>seat.turn << 32 | <uint64_t>number
        failed = epoll_ctl(self._poll, EPOLL_CTL_ADD, fd, &event)
        if failed:
            seat.turn += 1
        pthread_mutex_unlock(&self._lock)
        if failed:
            self._free_seats.append(number)
            return None
        return number

    def give_up(self, int number):
        """The socket is the loop's again, at once. False when it will be: something is in transit, the last."""
        cdef Seat* seat = &self._seats[number]
        cdef epoll_event event
        self._wait_for(number)
        if seat.is_leaving:
            pthread_mutex_unlock(&self._lock)
            return False
        epoll_ctl(self._poll, EPOLL_CTL_DEL, seat.fd, &event)
        seat.turn += 1
        pthread_mutex_unlock(&self._lock)
        self._free_seats.append(number)
        return True

    def clear(self, int number):
        """Of a connection that is lost: whatever is in transit from it is for nobody."""
        cdef Seat* seat = &self._seats[number]
        cdef epoll_event event
        self._wait_for(number)
        if not seat.is_leaving:
            epoll_ctl(self._poll, EPOLL_CTL_DEL, seat.fd, &event)
        seat.turn += 1
        pthread_mutex_unlock(&self._lock)
        self._free_seats.append(number)

    cdef void _wait_for(self, int number):
        """Take the lock when he does not look at this one."""
        pthread_mutex_lock(&self._lock)
        while self._looks_at == number:
            pthread_mutex_unlock(&self._lock)
            with nogil:
                sched_yield()
            pthread_mutex_lock(&self._lock)

    def rest(self, int number):
        """All is answered, and sent."""
        pthread_mutex_lock(&self._lock)
        self._seats[number].rests = True
        pthread_mutex_unlock(&self._lock)

    def refused_at(self, int number):
        """When somebody was refused there last, in monotonic seconds; 0.0: never."""
        pthread_mutex_lock(&self._lock)
        cdef double at = self._seats[number].refused_at
        pthread_mutex_unlock(&self._lock)
        return at

    def hang(self):
        """A sign that shows no room. Its number; None when there are no more."""
        if self._used_signs == _SIGNS:
            return None
        # only now: of what was refused by the one that had its number one is told until then
        pthread_mutex_lock(&self._lock)
        self._signs[self._used_signs] = Sign(0, 0, 0)
        pthread_mutex_unlock(&self._lock)
        self._used_signs += 1
        return self._used_signs - 1

    def show(self, int sign, int64_t room):
        """How many more may pass it."""
        pthread_mutex_lock(&self._lock)
        self._signs[sign].room = room
        pthread_mutex_unlock(&self._lock)

    def refused(self, int sign):
        """How many were, since this was asked last."""
        pthread_mutex_lock(&self._lock)
        cdef int64_t refused = self._signs[sign].refused
        self._signs[sign].refused = 0
        pthread_mutex_unlock(&self._lock)
        return refused

    def tell_lines(self, bytes lines):
        """The server's own headers from now on. False when they are too long."""
        if PyBytes_GET_SIZE(lines) > _LONGEST_TEXT:
            return False
        pthread_mutex_lock(&self._lock)
        self._lines_size = PyBytes_GET_SIZE(lines)
        memcpy(self._lines, PyBytes_AS_STRING(lines), self._lines_size)
        pthread_mutex_unlock(&self._lock)
        return True

    def learn(self, bytes head, bytes address, Py_ssize_t body_size, int sign, bytes before, bytes after):
        """Who is refused by this sign, and how. False when nobody more can be known."""
        cdef Py_ssize_t sizes = PyBytes_GET_SIZE(before) + PyBytes_GET_SIZE(after)
        cdef bytes shown = head + address
        cdef Face face
        cdef Face* place
        if 2 * self._known == _PLACES or len(head) > _LONGEST_HEAD or len(address) > _LONGEST_ADDRESS:
            return False
        if sizes > _LONGEST_TEXT:
            return False
        face.mark = self._mark(PyBytes_AS_STRING(shown), PyBytes_GET_SIZE(shown))
        face.body_size, face.sign = body_size, sign
        face.before, face.after = PyBytes_GET_SIZE(before), PyBytes_GET_SIZE(after)
        face.text = <char*>malloc(max(sizes, 1))
        if face.text == NULL:
            raise MemoryError
        memcpy(face.text, PyBytes_AS_STRING(before), face.before)
        memcpy(face.text + face.before, PyBytes_AS_STRING(after), face.after)
        pthread_mutex_lock(&self._lock)
        place = self._place(face.mark)
        if place.text == NULL:
            self._known += 1
        free(place.text)
        place[0] = face
        pthread_mutex_unlock(&self._lock)
        return True

    def forget(self):
        """Whom he knew, and the signs, but for how many each has refused, until the next one hangs."""
        pthread_mutex_lock(&self._lock)
        self._forget()
        pthread_mutex_unlock(&self._lock)

    cdef void _forget(self) noexcept:
        cdef int index
        for index in range(_PLACES):
            free(self._faces[index].text)
            self._faces[index].text = NULL
        self._known = self._used_signs = 0
        self._epoch += 1

    def answer_bell(self):
        """It rings again from now on; then `next` until there is nothing more."""
        cdef uint64_t rung = 0
        read(self.bell, &rung, sizeof(rung))
        pthread_mutex_lock(&self._lock)
        self._has_rung = False
        pthread_mutex_unlock(&self._lock)

    def next(self):
        """What he let pass: a seat, bytes, whether he gave the seat back with them, and whether they are still to
        be sent: the end of a refusal. None: nothing more. No bytes: the client has closed.
        """
        cdef Passed passed
        cdef bytes data
        while True:
            pthread_mutex_lock(&self._lock)
            if self._got == self._put:
                pthread_mutex_unlock(&self._lock)
                return None
            passed = self._ring[self._got % _RING]
            self._got += 1
            if passed.sign >= 0 and passed.epoch == self._epoch:
                self._signs[passed.sign].in_transit -= 1
            is_for_somebody = self._seats[passed.seat].turn == passed.turn
            if is_for_somebody and passed.is_last:
                self._seats[passed.seat].turn += 1
            pthread_mutex_unlock(&self._lock)
            try:
                if is_for_somebody:
                    if passed.is_last:
                        self._free_seats.append(passed.seat)
                    data = PyBytes_FromStringAndSize(passed.data, passed.size)
                    return passed.seat, data, bool(passed.is_last), bool(passed.is_unsent)
            finally:
                free(passed.data)

    # what he does

    def _run(self):
        with nogil:
            self._serve()

    cdef void _serve(self) noexcept nogil:
        cdef epoll_event[_EVENTS] events
        cdef uint64_t one = 1
        cdef int index, count
        cdef bint rings
        while True:
            count = epoll_wait(self._poll, events, _EVENTS, -1)
            rings = False
            for index in range(count):
                if events[index].data.u64 == _HALT:
                    return
                rings |= self._look(events[index].data.u64)
            if rings:
                write(self.bell, &one, sizeof(one))

    cdef bint _look(self, uint64_t ticket) noexcept nogil:
        """At a seat where something has come: refuse it, or pass it on. Whether the bell is to be rung."""
        cdef uint32_t number = <uint32_t>ticket
        cdef Seat* seat = &self._seats[number]
        cdef Face* face = NULL
        cdef Py_ssize_t length = 0
        cdef ssize_t size
        cdef int fd
        cdef bint rings = False
        pthread_mutex_lock(&self._lock)
        if seat.turn != <uint32_t>(ticket >> 32) or seat.is_leaving:
            pthread_mutex_unlock(&self._lock)
            return False
        if self._put - self._got == _RING:
            # connections come and go faster than the loop listens: what has come stays where it is
            pthread_mutex_unlock(&self._lock)
            sched_yield()
            return False
        self._looks_at = number
        fd = seat.fd
        pthread_mutex_unlock(&self._lock)
        size = recv(fd, self._data, _READ, MSG_DONTWAIT)
        if size < 0 and (errno == EAGAIN or errno == EINTR):
            self._look_away()
            return False
        pthread_mutex_lock(&self._lock)
        if size > 0 and seat.rests:
            face = self._face(seat, self._data, size)
        if face == NULL:
            rings = self._pass(number, NULL, self._data, size, True)
        elif self._signs[face.sign].room > self._signs[face.sign].in_transit:
            rings = self._pass(number, face, self._data, size, False)
        else:
            self._signs[face.sign].refused += 1
            seat.refused_at = self._now()
            length = self._write(face)
        pthread_mutex_unlock(&self._lock)
        if length:
            return self._send(number, length)
        self._look_away()
        return rings

    cdef bint _send(self, uint32_t number, Py_ssize_t length) noexcept nogil:
        """Whether the bell is to be rung: what cannot be sent is for the loop, which knows how long to wait."""
        cdef ssize_t sent = send(self._seats[number].fd, self._answer, length, MSG_DONTWAIT | MSG_NOSIGNAL)
        cdef bint rings = False
        pthread_mutex_lock(&self._lock)
        if sent < length:
            sent = max(sent, 0)
            rings = self._pass(number, NULL, self._answer + sent, length - sent, True)
            self._ring[(self._put - 1) % _RING].is_unsent = True
        self._looks_at = _NOBODY
        pthread_mutex_unlock(&self._lock)
        return rings

    cdef void _look_away(self) noexcept nogil:
        pthread_mutex_lock(&self._lock)
        self._looks_at = _NOBODY
        pthread_mutex_unlock(&self._lock)

    cdef bint _pass(self, uint32_t number, Face* face, char* data, ssize_t size, bint is_last) noexcept nogil:
        """Under the lock. Whether the bell is to be rung."""
        cdef Seat* seat = &self._seats[number]
        cdef Passed* passed = &self._ring[self._put % _RING]
        cdef epoll_event event
        cdef bint rings
        size = max(size, 0)
        passed.data = <char*>malloc(max(size, 1))
        if passed.data == NULL:
            # closed, as when it was lost
            shutdown(seat.fd, SHUT_RDWR)
            size, is_last = 0, True
        else:
            memcpy(passed.data, data, size)
        passed.seat, passed.turn, passed.epoch, passed.size = number, seat.turn, self._epoch, size
        passed.sign, passed.is_last, passed.is_unsent = _NOBODY, is_last, False
        if face != NULL:
            passed.sign = face.sign
            self._signs[face.sign].in_transit += 1
        seat.rests = False
        if is_last:
            seat.is_leaving = True
            epoll_ctl(self._poll, EPOLL_CTL_DEL, seat.fd, &event)
        self._put += 1
        rings = not self._has_rung
        self._has_rung = True
        return rings

    cdef Face* _face(self, Seat* seat, char* data, ssize_t size) noexcept nogil:
        """Whose whole request this is, if it is one of somebody known."""
        cdef char[_LONGEST_HEAD + _LONGEST_ADDRESS] shown
        cdef char* end = <char*>memmem(data, min(size, _LONGEST_HEAD), b"\r\n\r\n", 4)
        cdef Py_ssize_t head_size
        cdef Face* face
        if end == NULL:
            return NULL
        head_size = end - data + 4
        memcpy(shown, data, head_size)
        memcpy(shown + head_size, seat.address, seat.address_size)
        face = self._place(self._mark(shown, head_size + seat.address_size))
        return face if face.text != NULL and face.body_size == size - head_size else NULL

    cdef uint64_t _mark(self, const char* shown, Py_ssize_t size) noexcept nogil:
        """What is kept instead of what was shown, as in `auth.remembered`."""
        return hash64(self._key, <text_t>shown, size)

    cdef Face* _place(self, uint64_t mark) noexcept nogil:
        """Theirs, or the free one where it would be."""
        cdef uint64_t index = mark % _PLACES
        while self._faces[index].text != NULL and self._faces[index].mark != mark:
            index = (index + 1) % _PLACES
        return &self._faces[index]

    cdef Py_ssize_t _write(self, Face* face) noexcept nogil:
        """A refusal, into its buffer. Its size."""
        cdef char[_ID] id
        cdef char* at = self._answer
        self._make_id(id)
        at = self._add(at, self._status_text, self._status_size)
        at = self._add(at, self._lines, self._lines_size)
        at = self._add(at, face.text, face.before)
        at = self._add(at, id, _ID)
        at = self._add(at, face.text + face.before, face.after)
        at = self._add(at, id, _ID)
        at = self._add(at, self._end_text, self._end_size)
        return at - self._answer

    cdef char* _add(self, char* at, const char* text, Py_ssize_t size) noexcept nogil:
        memcpy(at, text, size)
        return at + size

    cdef void _make_id(self, char* id) noexcept nogil:
        """Unique, not secret: two numbers of SplitMix64 (Steele, Lea, Flood 2014), in hexadecimal digits."""
        cdef uint64_t word = 0
        cdef int index
        for index in range(_ID):
            if index % 16 == 0:
                self._seed += 0x9E3779B97F4A7C15ULL
                word = self._seed
                word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9ULL
                word = (word ^ word >> 27) * 0x94D049BB133111EBULL
                word ^= word >> 31
            id[index] = b"0123456789abcdef"[word & 15]
            word >>= 4

    cdef double _now(self) noexcept nogil:
        cdef timespec now
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec + now.tv_nsec * 1e-9
