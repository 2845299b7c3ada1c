# Quota checks: a part of `_fastpath.pyx`, which includes it.

@cython.final
cdef class Bucket:
    """Bucket(rate, burst)
--

Token bucket of one tenant in this process (GCRA); documented at the twin."""

    cdef double _rate
    cdef double _burst
    cdef double _level
    cdef double _last

    def __cinit__(self, rate, burst):
        self._rate, self._burst = bucket_limits(rate, burst)
        self._level = 0.0
        self._last = -INFINITY

    def take(self, now, cost=1.0):
        """Answer 0.0, or take nothing and answer the seconds until it would pass; documented at the twin."""
        cdef double at = PyFloat_AS_DOUBLE(now) if PyFloat_CheckExact(now) else number("now", now)
        cdef double tokens = PyFloat_AS_DOUBLE(cost) if PyFloat_CheckExact(cost) else _number("cost", cost)
        if not isfinite(at) or not 0.0 <= tokens < INFINITY:
            raise take_error(at)
        cdef double level = self._level - (at - self._last) * self._rate
        if not level > 0.0:
            level = 0.0
        cdef double excess = level + tokens - self._burst
        if excess <= _SLACK:
            self._level = level + tokens
            self._last = at
            return 0.0
        return excess / self._rate if tokens - self._burst <= _SLACK else INFINITY

    def settle(self, now, change):
        """Take or give back, never refusing; answer how many tokens there are; documented at the twin."""
        cdef double at = PyFloat_AS_DOUBLE(now) if PyFloat_CheckExact(now) else number("now", now)
        cdef double tokens = PyFloat_AS_DOUBLE(change) if PyFloat_CheckExact(change) else _number("change", change)
        if not isfinite(at) or not isfinite(tokens):
            raise settle_error(at)
        cdef double level = self._level - (at - self._last) * self._rate
        if not level > 0.0:
            level = 0.0
        level += tokens
        self._level = level if level > 0.0 else 0.0
        self._last = at
        return self._burst - self._level

    def reconfigure(self, rate, burst):
        """Change the limits; tokens already taken stay taken."""
        self._rate, self._burst = bucket_limits(rate, burst)


cdef double _amount(object value) except? -1.0:
    cdef double amount
    if PyFloat_CheckExact(value):
        amount = PyFloat_AS_DOUBLE(value)
        if isfinite(amount):
            return amount
    elif PyLong_CheckExact(value):
        return value
    return lease_amount(value)


@cython.final
cdef class Lease:
    """Lease(toll)
--

Tokens of a pool that this process may give out until a moment; documented at the twin."""

    cdef double _toll
    cdef double _tokens
    cdef double _taken
    cdef double _low
    cdef double _until

    def __cinit__(self, toll):
        self._toll = lease_toll(toll)
        self._until = -INFINITY

    @property
    def tokens(self):
        return self._tokens

    @property
    def until(self):
        return self._until

    def take(self, now, amount):
        """Take, or take nothing; documented at the twin."""
        cdef double at = PyFloat_AS_DOUBLE(now) if PyFloat_CheckExact(now) else number("now", now)
        cdef double wanted = PyFloat_AS_DOUBLE(amount) if PyFloat_CheckExact(amount) else _number("amount", amount)
        if not (at < self._until and 0.0 <= wanted <= self._tokens + _SLACK):
            return False
        self._tokens -= wanted
        self._taken += wanted
        return True

    def put(self, amount):
        """Give back, or spend; documented at the twin."""
        cdef double given = _amount(amount)
        self._tokens += given
        if given < 0.0:
            self._taken -= given

    def grant(self, amount, until, low):
        """There are more; documented at the twin."""
        self._tokens += _amount(amount)
        self._until = number("until", until)
        self._low = number("low", low)

    def drain(self, keep):
        """Take out what is beyond `keep`; documented at the twin."""
        cdef double surplus = self._tokens - _amount(keep)
        if not surplus > 0.0:
            surplus = 0.0
        self._tokens -= surplus
        return surplus

    def demand(self):
        """How many were taken since this was last asked; documented at the twin."""
        cdef double taken = self._taken
        self._taken = 0.0
        return taken


def enter(leases, now):
    """Take the toll of each, or nothing; documented at the twin."""
    cdef double at = PyFloat_AS_DOUBLE(now) if PyFloat_CheckExact(now) else number("now", now)
    cdef Py_ssize_t place
    cdef Py_ssize_t size
    cdef Lease lease
    cdef int answer = -1
    if not PyTuple_CheckExact(leases):
        raise type_error("leases", "tuple", leases)
    size = PyTuple_GET_SIZE(leases)
    for place in range(size):
        lease = <Lease?><object>PyTuple_GET_ITEM(leases, place)
        if not (at < lease._until and lease._toll <= lease._tokens + _SLACK):
            return place
    for place in range(size):
        lease = <Lease><object>PyTuple_GET_ITEM(leases, place)
        lease._tokens -= lease._toll
        lease._taken += lease._toll
        if lease._tokens < lease._low:
            answer = -2
    return answer
