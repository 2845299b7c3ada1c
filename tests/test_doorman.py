"""The doorman alone, over pairs of sockets: whom he refuses, what he passes, and of what nothing is left."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from harka import doorman as doormen

if TYPE_CHECKING:
    from harka._doorman import Doorman

pytestmark = pytest.mark.compiled

HEAD = b"POST /graphql HTTP/1.1\r\nx-api-key: secret\r\ncontent-length: 4\r\n\r\n"
REQUEST = HEAD + b"body"
ADDRESS = b"192.0.2.1"


@pytest.fixture
def doorman() -> Iterator["Doorman"]:
    made = doormen.hired(b"503\r\n", b"!")
    assert made.tell_lines(b"date: now\r\n")
    yield made
    made.stop()


class Pair:
    """`number`: the seat of our end. `theirs` is the client's."""

    def __init__(self, doorman: "Doorman", stack: ExitStack, *, rests: bool = True) -> None:
        ours, theirs = socket.socketpair()
        self.ours, self.theirs = stack.enter_context(ours), stack.enter_context(theirs)
        self.theirs.settimeout(10)
        number = doorman.seat(self.ours.fileno(), ADDRESS)
        assert number is not None
        self.number = number
        if rests:
            doorman.rest(number)

    def ask(self) -> bytes:
        self.theirs.send(REQUEST)
        return self.theirs.recv(1000)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def sign_of(doorman: "Doorman", room: int = 0) -> int:
    """Of whom alone he knows."""
    sign = doorman.hang()
    assert sign is not None
    assert doorman.learn(HEAD, ADDRESS, 4, sign, b"<", b"|")
    doorman.show(sign, room)
    return sign


def next_of(doorman: "Doorman") -> tuple[int, bytes, bool]:
    number, data, is_last, is_unsent = _next_of(doorman)
    assert not is_unsent
    return number, data, is_last


def _next_of(doorman: "Doorman") -> tuple[int, bytes, bool, bool]:
    while (passed := doorman.next()) is None:
        ready, _, _ = select.select([doorman.bell], [], [], 10)
        assert ready, "nothing has come"
        doorman.answer_bell()
    return passed


def test_a_refusal_names_itself_twice_and_no_two_are_named_alike(
    doorman: "Doorman", stack: ExitStack
) -> None:
    sign = sign_of(doorman)
    pair = Pair(doorman, stack)
    assert doorman.refused_at(pair.number) == 0.0
    names = set()
    for _ in range(1000):
        start, name, again = pair.ask().replace(b"|", b"<").split(b"<")
        assert start == b"503\r\ndate: now\r\n"
        assert again == name + b"!"
        assert len(name) == 32
        int(name, 16)
        names.add(name)
    assert len(names) == 1000
    assert doorman.refused_at(pair.number) > 0.0
    assert (doorman.refused(sign), doorman.refused(sign)) == (1000, 0)


def test_so_many_pass_as_there_is_room_for(doorman: "Doorman", stack: ExitStack) -> None:
    sign = sign_of(doorman, room=2)
    pairs = [Pair(doorman, stack) for _ in range(5)]
    for pair in pairs:
        pair.theirs.send(REQUEST)
    for pair in pairs[2:]:
        assert pair.theirs.recv(1000)
    passed = [next_of(doorman) for _ in range(2)]
    assert sorted(passed) == sorted((pair.number, REQUEST, False) for pair in pairs[:2])
    assert doorman.refused(sign) == 3
    doorman.show(sign, 1)
    pairs[2].theirs.send(REQUEST)
    assert next_of(doorman) == (pairs[2].number, REQUEST, False)


@pytest.mark.parametrize(
    "sent", [REQUEST[:-1], REQUEST + REQUEST, HEAD.replace(b"secret", b"public") + b"body", b"x", b"\r\n\r\n"]
)
def test_what_he_does_not_know_he_gives_back_and_looks_no_more(
    doorman: "Doorman", stack: ExitStack, sent: bytes
) -> None:
    sign_of(doorman)
    pair = Pair(doorman, stack)
    pair.theirs.send(sent)
    assert next_of(doorman) == (pair.number, sent, True)
    pair.theirs.send(REQUEST)
    assert pair.ours.recv(1000) == REQUEST


def test_where_something_is_under_way_he_refuses_nobody(doorman: "Doorman", stack: ExitStack) -> None:
    sign = sign_of(doorman, room=1)
    pair = Pair(doorman, stack)
    pair.theirs.send(REQUEST)
    assert next_of(doorman) == (pair.number, REQUEST, False)
    doorman.show(sign, 0)
    pair.theirs.send(REQUEST)
    assert next_of(doorman) == (pair.number, REQUEST, True)
    # not in a seat that nobody has said to rest
    another = Pair(doorman, stack, rests=False)
    another.theirs.send(REQUEST)
    assert next_of(doorman) == (another.number, REQUEST, True)


def test_the_same_head_from_elsewhere_is_another(doorman: "Doorman", stack: ExitStack) -> None:
    sign = doorman.hang()
    assert sign is not None
    assert doorman.learn(HEAD, b"192.0.2.2", 4, sign, b"<", b"|")
    pair = Pair(doorman, stack)
    pair.theirs.send(REQUEST)
    assert next_of(doorman) == (pair.number, REQUEST, True)


def test_whom_he_has_forgotten_he_does_not_refuse(doorman: "Doorman", stack: ExitStack) -> None:
    sign_of(doorman, room=1)
    first, second = Pair(doorman, stack), Pair(doorman, stack)
    first.theirs.send(REQUEST)
    ready, _, _ = select.select([doorman.bell], [], [], 10)
    assert ready
    doorman.forget()
    second.theirs.send(REQUEST)
    doorman.answer_bell()
    passed = [next_of(doorman) for _ in range(2)]
    assert passed == [(first.number, REQUEST, False), (second.number, REQUEST, True)]
    # what was in transit then is not counted for a sign that has the same number now
    sign_of(doorman, room=0)
    third = Pair(doorman, stack)
    assert third.ask().startswith(b"503")


def test_what_he_refused_is_told_after_he_has_forgotten(doorman: "Doorman", stack: ExitStack) -> None:
    sign = sign_of(doorman)
    assert Pair(doorman, stack).ask().startswith(b"503")
    doorman.forget()
    assert [doorman.refused(sign), doorman.refused(sign)] == [1, 0]
    second = sign_of(doorman)
    assert Pair(doorman, stack).ask().startswith(b"503")
    doorman.forget()
    assert sign_of(doorman) == second == sign
    assert doorman.refused(second) == 0


def test_of_a_lost_connection_nothing_is_delivered(doorman: "Doorman", stack: ExitStack) -> None:
    """Neither to who has its seat next, nor from who has its descriptor."""
    sign_of(doorman, room=1)
    lost = Pair(doorman, stack)
    lost.theirs.send(REQUEST)
    ready, _, _ = select.select([doorman.bell], [], [], 10)
    assert ready
    doorman.clear(lost.number)
    descriptor = lost.ours.fileno()
    lost.ours.close()
    other, client = socket.socketpair()
    stack.enter_context(other)
    stack.enter_context(client)
    assert descriptor in (other.fileno(), client.fileno())
    client.send(b"private")
    other.send(b"private")
    new = Pair(doorman, stack)
    assert new.number == lost.number
    new.theirs.send(b"mine")
    doorman.answer_bell()
    assert next_of(doorman) == (new.number, b"mine", True)
    assert (other.recv(100), client.recv(100)) == (b"private", b"private")


def test_when_the_client_has_closed_he_says_so(doorman: "Doorman", stack: ExitStack) -> None:
    pair = Pair(doorman, stack)
    pair.theirs.close()
    assert next_of(doorman) == (pair.number, b"", True)


def test_who_reads_nothing_is_given_back_and_has_what_was_sent(doorman: "Doorman", stack: ExitStack) -> None:
    sign = sign_of(doorman)
    pair, clock = Pair(doorman, stack), Pair(doorman, stack)
    pair.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    passed, refused = None, 0
    while passed is None:
        pair.theirs.send(REQUEST)
        # one request in a read, or he would not know it; and he is done with it when he is with another one
        while not (more := doorman.refused(sign)):
            pass
        refused += more
        assert clock.ask().startswith(b"503")
        assert doorman.refused(sign) == 1
        passed = doorman.next()
    number, unsent, is_last, is_unsent = passed
    assert (number, is_last, is_unsent) == (pair.number, True, True)
    whole = refused * (len(b"503\r\ndate: now\r\n<|!") + 2 * 32)
    received = b""
    while len(received) < whole - len(unsent):
        received += pair.theirs.recv(100_000)
    assert len(received + unsent) == whole
    assert (received + unsent).count(b"503\r\n") == (received + unsent).count(b"!") == refused
    assert pair.ours.send(b"more") == 4


def test_what_comes_as_a_seat_is_given_up_is_not_lost(doorman: "Doorman", stack: ExitStack) -> None:
    """One of the two threads has it, whichever was first."""
    by_him = by_us = 0
    for _ in range(2000):
        with ExitStack() as own:
            pair = Pair(doorman, own, rests=False)
            sending = threading.Thread(target=pair.theirs.send, args=(REQUEST,))
            sending.start()
            if doorman.give_up(pair.number):
                by_us += 1
                pair.ours.settimeout(10)
                assert pair.ours.recv(1000) == REQUEST
            else:
                by_him += 1
                assert next_of(doorman) == (pair.number, REQUEST, True)
            sending.join()
    assert by_him + by_us == 2000


def test_there_are_seats_for_so_many(doorman: "Doorman", stack: ExitStack) -> None:
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs)
    assert doorman.seat(ours.fileno(), b"x" * 65) is None
    assert doorman.seat(10_000_000, ADDRESS) is None
    number = doorman.seat(ours.fileno(), ADDRESS)
    assert number is not None
    assert doorman.seat(ours.fileno(), ADDRESS) is None, "he looks at it already"
    doorman.clear(number)
    assert doorman.seat(ours.fileno(), ADDRESS) is not None


def test_he_knows_so_many(doorman: "Doorman") -> None:
    sign = doorman.hang()
    assert sign is not None
    numbers = iter(range(10_000))
    while doorman.learn(b"%d\r\n\r\n" % next(numbers), ADDRESS, 4, sign, b"<", b"|"):
        pass
    assert next(numbers) == 4097
    assert not doorman.learn(bytes(2049), ADDRESS, 4, sign, b"<", b"|")
    doorman.forget()
    assert not doorman.learn(bytes(2049), ADDRESS, 4, sign, b"<", b"|")
    assert not doorman.learn(HEAD, ADDRESS, 4, sign, bytes(4000), bytes(97))
    assert not doorman.tell_lines(bytes(4097))
    signs = [doorman.hang() for _ in range(1025)]
    assert signs == [*range(1024), None]


def test_he_goes_when_he_is_told_to() -> None:
    made = doormen.hired(b"", b"")
    assert "doorman" in {thread.name for thread in threading.enumerate()}
    made.stop()
    assert "doorman" not in {thread.name for thread in threading.enumerate()}


def test_what_he_did_not_open_he_does_not_close() -> None:
    """Not the standard input, either."""
    kept = os.dup(0)
    try:
        with pytest.raises(TypeError):
            doormen.hired("503", b"")  # type: ignore[arg-type] # that is the test
        os.fstat(0)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
