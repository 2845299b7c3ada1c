# SipHash-2-4 (Aumasson, Bernstein 2012), for whoever hashes or tags short texts on the hot path.

from libc.stdint cimport uint64_t

ctypedef const unsigned char* text_t


cdef struct Sip:
    uint64_t v0
    uint64_t v1
    uint64_t v2
    uint64_t v3


cdef inline uint64_t hash64(text_t key, text_t data, Py_ssize_t size) noexcept nogil:
    cdef Sip sip
    start(&sip, key)
    absorb(&sip, absorb_words(&sip, data, size))
    sip.v2 ^= 0xFF
    rounds(&sip, 4)
    return folded(&sip)


cdef inline void start(Sip* sip, text_t key) noexcept nogil:
    cdef uint64_t k0 = little_word(key)
    cdef uint64_t k1 = little_word(key + 8)
    sip.v0 = k0 ^ 0x736F6D6570736575ULL
    sip.v1 = k1 ^ 0x646F72616E646F6DULL
    sip.v2 = k0 ^ 0x6C7967656E657261ULL
    sip.v3 = k1 ^ 0x7465646279746573ULL


cdef inline uint64_t absorb_words(Sip* sip, text_t data, Py_ssize_t size) noexcept nogil:
    """Absorb the whole words; answer the closing one: the bytes left over, and the length in the top byte."""
    cdef uint64_t last = <uint64_t>size << 56
    cdef Py_ssize_t whole = size & ~<Py_ssize_t>7
    cdef Py_ssize_t index
    for index in range(0, whole, 8):
        absorb(sip, little_word(data + index))
    for index in range(size - whole):
        last |= <uint64_t>data[whole + index] << 8 * index
    return last


cdef inline uint64_t little_word(text_t data) noexcept nogil:
    """Eight bytes, little-endian on every machine; compilers make one load of it."""
    return (
        <uint64_t>data[0]
        | <uint64_t>data[1] << 8
        | <uint64_t>data[2] << 16
        | <uint64_t>data[3] << 24
        | <uint64_t>data[4] << 32
        | <uint64_t>data[5] << 40
        | <uint64_t>data[6] << 48
        | <uint64_t>data[7] << 56
    )


cdef inline void absorb(Sip* sip, uint64_t word) noexcept nogil:
    sip.v3 ^= word
    rounds(sip, 2)
    sip.v0 ^= word


cdef inline void rounds(Sip* sip, int count) noexcept nogil:
    cdef int turn
    for turn in range(count):
        sip.v0 += sip.v1
        sip.v1 = rotated(sip.v1, 13) ^ sip.v0
        sip.v0 = rotated(sip.v0, 32)
        sip.v2 += sip.v3
        sip.v3 = rotated(sip.v3, 16) ^ sip.v2
        sip.v0 += sip.v3
        sip.v3 = rotated(sip.v3, 21) ^ sip.v0
        sip.v2 += sip.v1
        sip.v1 = rotated(sip.v1, 17) ^ sip.v2
        sip.v2 = rotated(sip.v2, 32)


cdef inline uint64_t rotated(uint64_t word, int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline uint64_t folded(Sip* sip) noexcept nogil:
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3
