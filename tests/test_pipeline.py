"""Several answers on one connection, byte by byte; with a real server behind it in `storage/test_lane.py`."""

import asyncio
import itertools
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka import pipeline

pytestmark = pytest.mark.compiled

READY, BUSY = b"Z\0\0\0\5I", b"Z\0\0\0\5T"
UUID_OID, TEXT_OID, INT4_OID, UUIDS_OID, MOMENT_OID = 2950, 25, 23, 2951, 1184


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def row(value: bytes | None) -> bytes:
    cell = struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"D", b"\0\1" + cell)


def answered(*values: bytes | None) -> bytes:
    """As the server answers a statement that was led in: bound twice, its rows, twice complete."""
    done = message(b"2") + message(b"C", b"SELECT 0\0")
    return done + message(b"2") + rows(*values) + message(b"C", b"SELECT 1\0") + READY


def rows(*values: bytes | None) -> bytes:
    return b"".join(map(row, values))


def failed(code: bytes) -> bytes:
    return message(b"E", b"SERROR\0C" + code + b"\0Mwrong\0\0") + READY


class Told(Exception):  # noqa: N818 - what a server told, not what went wrong here
    pass


class Inner:
    """What stands where asyncpg's protocol stands."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[object] = []

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, error: object) -> None:
        self.lost.append(error)


class Line:
    """A pipeline, what it writes, and what it puts off."""

    def __init__(self) -> None:
        self.inner = Inner()
        self.written: list[bytes] = []
        self.later: list[Callable[[], None]] = []
        self.loop = asyncio.new_event_loop()
        self.pipeline = pipeline.before(self.inner, self, raised=Told, later=self.later.append)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def ask(
        self, text: bytes, *, columns: tuple[int, ...] | None = None, commands: int = 1, closes: bool = True
    ) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = self.loop.create_future()
        self.pipeline.send(text, answer, commands, columns, closes)
        return answer

    def tick(self) -> None:
        while self.later:
            self.later.pop(0)()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.loop.close()


def test_what_is_asked_in_one_moment_is_one_write(line: Line) -> None:
    for text in (b"a", b"b", b"c"):
        line.ask(text)
    assert line.written == []
    line.tick()
    line.ask(b"d")
    line.tick()
    assert line.written == [b"abc", b"d"]
    assert line.pipeline.outstanding == 4


@given(
    cuts=st.lists(st.integers(0, 400), max_size=12),
    answered_by=st.lists(st.lists(st.none() | st.binary(max_size=9), max_size=3)),
)
def test_answers_come_in_their_turn_however_the_bytes_are_cut(
    cuts: list[int], answered_by: list[list[bytes | None]]
) -> None:
    line = Line()
    answers = [line.ask(b"") for _ in answered_by]
    notices = [message(b"N", b"SNOTICE\0\0"), message(b"S", b"TimeZone\0UTC\0")]
    data = b"".join(answered(*values) for values in answered_by) + b"".join(notices)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, end in itertools.pairwise(places):
        line.pipeline.data_received(data[start:end])
    assert [answer.result() for answer in answers] == [rows(*values) for values in answered_by]
    # what comes when nobody has asked is asyncpg's, in whole messages
    assert b"".join(line.inner.received) == b"".join(notices)
    assert all(part in {*notices, b"".join(notices)} for part in line.inner.received)
    line.loop.close()


def test_an_error_is_that_of_one_statement(line: Line) -> None:
    answers = [line.ask(b"") for _ in range(3)]
    line.pipeline.data_received(answered(b"1") + failed(b"22012") + answered(b"3"))
    assert [answers[0].result(), answers[2].result()] == [rows(b"1"), rows(b"3")]
    error = answers[1].exception()
    assert isinstance(error, Told)
    assert error.args[0] == {"S": "ERROR", "C": "22012", "M": "wrong"}


def test_the_answer_to_one_who_has_left_is_passed_over(line: Line) -> None:
    first, second, third = (line.ask(b"") for _ in range(3))
    first.cancel()
    third.cancel()
    line.pipeline.data_received(answered(b"1") + answered(b"2") + failed(b"57014"))
    assert second.result() == rows(b"2")
    assert line.pipeline.outstanding == 0


def test_who_listens_hears_of_every_answer(line: Line) -> None:
    heard: list[int] = []
    line.pipeline.answered = lambda: heard.append(line.pipeline.outstanding)
    for _ in range(3):
        line.ask(b"")
    line.pipeline.data_received(answered(b"1") + failed(b"22012"))
    line.pipeline.data_received(answered(None))
    assert heard == [2, 1, 0]


def test_a_connection_that_is_lost_fails_everybody_in_line(line: Line) -> None:
    answers = [line.ask(b"") for _ in range(3)]
    answers[1].cancel()
    heard: list[int] = []
    line.pipeline.answered = lambda: heard.append(line.pipeline.outstanding)
    lost = OSError("gone")
    line.pipeline.connection_lost(lost)
    assert [type(answers[place].exception()) for place in (0, 2)] == [Told, Told]
    assert (line.inner.lost, heard) == ([lost], [0])
    # what was not written yet never will be
    line.tick()
    assert line.written == []


def executed(*values: bytes | None) -> bytes:
    """One statement of a group."""
    return message(b"2") + rows(*values) + message(b"C", b"SELECT 1\0")


def test_a_group_is_ended_when_it_is_written_and_answered_one_by_one(line: Line) -> None:
    answers = [line.ask(text, commands=commands, closes=False) for text, commands in ((b"ab", 3), (b"c", 1))]
    assert line.pipeline.gathers
    line.tick()
    assert not line.pipeline.gathers
    assert line.written == [b"abcS\0\0\0\4"]
    line.pipeline.data_received(executed() * 2 + executed(b"1", b"2"))
    assert answers[0].result() == rows(b"1", b"2")
    line.pipeline.data_received(executed(b"3") + message(b"C", b"COMMIT\0"))
    assert not answers[1].done()
    assert line.pipeline.outstanding == 2
    line.pipeline.data_received(READY)
    assert answers[1].result() == rows(b"3")
    assert line.pipeline.outstanding == 0


def test_of_a_group_nothing_is_executed_behind_what_failed(line: Line) -> None:
    group = [line.ask(b"", closes=False) for _ in range(4)]
    line.tick()
    last = line.ask(b"")
    line.pipeline.data_received(executed(b"1") + failed(b"22012") + answered(b"5"))
    assert group[0].result() == rows(b"1")
    codes = [error.args[0]["C"] for answer in group[1:] if isinstance(error := answer.exception(), Told)]
    assert codes == ["22012", "25P02", "25P02"]
    assert last.result() == rows(b"5")


def described(*oids: int) -> bytes:
    columns = (b"name\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, 1) for oid in oids)
    return message(b"t", b"\0\0") + message(b"T", struct.pack("!h", len(oids)) + b"".join(columns))


def test_columns_that_are_not_as_expected_are_an_error_of_one(line: Line) -> None:
    expected = (TEXT_OID, INT4_OID)
    answers = [line.ask(b"", columns=expected) for _ in range(4)]
    for found in (expected, expected[::-1], expected[:1], expected):
        line.pipeline.data_received(described(*found) + answered(b"1"))
    assert [answer.exception() is None for answer in answers] == [True, False, False, True]
    error = answers[1].exception()
    assert isinstance(error, Told)
    assert isinstance(asyncpg.PostgresError.new(error.args[0]), asyncpg.InvalidCachedStatementError)


def test_of_a_connection_that_is_lost_nothing_is_asked(line: Line) -> None:
    line.pipeline.connection_lost(None)
    with pytest.raises(Told):
        line.ask(b"")
    assert line.pipeline.outstanding == 0


def test_whether_a_transaction_is_open_is_known_whoever_asked(line: Line) -> None:
    assert line.pipeline.idle
    line.pipeline.data_received(BUSY)
    assert not line.pipeline.idle
    line.ask(b"")
    line.pipeline.data_received(answered(b"1"))
    assert line.pipeline.idle
    assert line.inner.received == [BUSY]


@pytest.mark.parametrize("data", [b"D\0\0\0\3", b"Z\xff\xff\xff\xff"])
def test_bytes_that_are_no_message_are_refused(line: Line, data: bytes) -> None:
    line.ask(b"")
    if data.startswith(b"Z"):
        # four gigabytes may come: until they have, nothing is believed
        line.pipeline.data_received(data)
        assert line.pipeline.outstanding == 1
        return
    with pytest.raises(ValueError, match="message"):
        line.pipeline.data_received(data + READY)


def test_large_rows_come_in_many_pieces(line: Line) -> None:
    answer = line.ask(b"")
    values = [bytes(range(256)) * 4_000, b"", b"a" * 70_000]
    data = answered(*values)
    for start in range(0, len(data), 60_000):
        line.pipeline.data_received(data[start : start + 60_000])
    assert answer.result() == rows(*values)


def test_a_message_that_binds() -> None:
    one, moment = UUID(int=1), datetime(2000, 1, 1, 0, 0, 1, 5, tzinfo=UTC)
    oids = UUID_OID, TEXT_OID, INT4_OID, UUIDS_OID, MOMENT_OID, TEXT_OID
    text = pipeline.bind(b"name", oids, (one, "é", -2, [one, None], moment, None))
    kind, length = struct.unpack_from("!ci", text)
    assert (kind, length) == (b"B", len(text) - 1)
    assert text[5:] == b"".join(
        (
            b"\0name\0" + struct.pack("!hhh", 1, 1, 6),
            struct.pack("!i", 16) + one.bytes,
            struct.pack("!i", 2) + "é".encode(),
            struct.pack("!ii", 4, -2),
            struct.pack("!iiiiii", 44, 1, 1, UUID_OID, 2, 1),
            struct.pack("!i", 16) + one.bytes + struct.pack("!i", -1),
            struct.pack("!iq", 8, 1_000_005),
            struct.pack("!i", -1),
            struct.pack("!hh", 1, 1),
        )
    )


@pytest.mark.parametrize(
    ("oid", "element", "form", "value"),
    [(1000, 16, "?", True), (1007, INT4_OID, "i", -3), (1016, 20, "q", 2**40), (1022, 701, "d", 0.5)],
)
def test_arrays_of_numbers_are_bound(oid: int, element: int, form: str, value: Any) -> None:
    text = pipeline.bind(b"", (oid,), ([value, None],))
    length = struct.calcsize(f"!{form}")
    array = struct.pack(f"!iiiiii{form}i", 1, 1, element, 2, 1, length, value, -1)
    assert text.endswith(struct.pack("!i", len(array)) + array + struct.pack("!hh", 1, 1))
    with pytest.raises(TypeError):
        pipeline.bind(b"", (oid,), (["x"],))


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (UUID_OID, "not an id"),
        (TEXT_OID, 5),
        (TEXT_OID, "\ud800"),
        (INT4_OID, 2**31),
        (INT4_OID, "5"),
        (INT4_OID, 3.7),
        (INT4_OID, True),
        (20, 3.7),
        (701, 3),
        (16, 1),
        (16, "x"),
        (UUIDS_OID, [5]),
        (UUIDS_OID, None.__class__),
        (MOMENT_OID, datetime(2000, 1, 1)),  # noqa: DTZ001 - the fault
        (3802, "{}"),
    ],
)
def test_what_it_cannot_write_it_refuses(oid: int, value: Any) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError, OverflowError)):
        pipeline.bind(b"name", (oid,), (value,))


def test_it_wants_as_many_arguments_as_parameters() -> None:
    with pytest.raises(TypeError):
        pipeline.bind(b"name", (INT4_OID,), (1, 2))
