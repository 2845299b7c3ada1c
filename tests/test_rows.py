"""Packed rows are held to lists of structs: whoever gets either cannot tell them apart."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from harka import rows
from harka.rows import ByKey, Grouped
from records import KINDS, Table, cell, packed, record, struct_of, tables, texts, uuid

compiled = pytest.mark.compiled
IDS = [UUID(int=number) for number in range(1, 6)]
STRANGER = UUID(int=99)


class Lesson(msgspec.Struct, frozen=True):
    id: UUID
    course_id: UUID
    title: str | None


LESSON = ["uuid", "uuid", "text"]
OUTLINE = [
    Lesson(IDS[0], STRANGER, "one"), Lesson(IDS[1], IDS[4], "two"), Lesson(IDS[2], STRANGER, None),
    Lesson(IDS[3], IDS[4], ""), Lesson(IDS[0], IDS[3], "one again"),
]  # fmt: skip


def unpacked(lessons: Sequence[Lesson]) -> Sequence[Lesson]:
    return rows.unpack(Lesson, packed(LESSON, map(msgspec.structs.astuple, lessons)), uuid)


FORMS = [pytest.param(list, id="listed"), pytest.param(unpacked, id="packed", marks=compiled)]
Form = Callable[[Sequence[Lesson]], Sequence[Lesson]]
every_form = pytest.mark.parametrize("form", FORMS)

lessons = st.lists(
    st.builds(Lesson, st.sampled_from(IDS), st.sampled_from(IDS), st.none() | texts()), max_size=12
)
keys = st.lists(st.sampled_from([*IDS, STRANGER]), max_size=6)


@every_form
def test_a_column_holds_the_values_of_one_field(form: Form) -> None:
    found = rows.aligned(form(OUTLINE), "id", [IDS[1], STRANGER, IDS[2]])
    assert rows.column(found, "title") == ["two", None, None]
    assert rows.column(found, "id") == [IDS[1], None, IDS[2]]
    with pytest.raises(AttributeError):
        rows.column(form(OUTLINE), "color")


@every_form
def test_rows_are_taken_in_the_order_of_their_places(form: Form) -> None:
    assert list(rows.take(form(OUTLINE), iter([3, 0, 3]))) == [OUTLINE[3], OUTLINE[0], OUTLINE[3]]
    assert list(rows.take(form(OUTLINE), [])) == []
    with pytest.raises(IndexError):
        rows.take(form(OUTLINE), [len(OUTLINE)])


@every_form
def test_the_first_row_of_each_key_is_aligned(form: Form) -> None:
    found = rows.aligned(form(OUTLINE), "id", [STRANGER, IDS[2], IDS[0], IDS[0]])
    assert list(found) == [None, OUTLINE[2], OUTLINE[0], OUTLINE[0]]
    assert list(rows.aligned(form([]), "id", [STRANGER])) == [None]


@every_form
@pytest.mark.parametrize("ordered", [True, False])
def test_rows_are_grouped_in_the_order_they_come(form: Form, *, ordered: bool) -> None:
    outline = sorted(OUTLINE, key=lambda lesson: lesson.course_id.int) if ordered else OUTLINE
    groups = rows.grouped(form(outline), "course_id", [IDS[4], IDS[0], STRANGER, IDS[4]])
    fourth, strange = [OUTLINE[1], OUTLINE[3]], [OUTLINE[0], OUTLINE[2]]
    assert [list(group) for group in groups] == [fourth, [], strange, fourth]
    assert [list(group) for group in rows.grouped(form([]), "course_id", [STRANGER])] == [[]]


@every_form
def test_by_key_is_a_mapping_of_rows(form: Form) -> None:
    outline = OUTLINE[:4]
    by_id = ByKey(form(outline))
    assert list(by_id.aligned([IDS[3], STRANGER])) == [OUTLINE[3], None]
    assert by_id == {lesson.id: lesson for lesson in outline}
    assert by_id[IDS[1]] is by_id[IDS[1]]
    assert (list(by_id), len(by_id)) == (IDS[:4], 4)
    assert ByKey(form([OUTLINE[1]]), "course_id") == {IDS[4]: OUTLINE[1]}
    with pytest.raises(KeyError):
        by_id[STRANGER]


@every_form
def test_grouped_is_a_mapping_of_groups_cut_where_asked(form: Form) -> None:
    by_course = Grouped(form(OUTLINE), "course_id")
    assert (list(by_course), len(by_course)) == ([STRANGER, IDS[4], IDS[3]], 3)
    assert list(by_course[IDS[4]]) == [OUTLINE[1], OUTLINE[3]]
    with pytest.raises(KeyError):
        by_course[IDS[0]]
    first = Grouped(form(OUTLINE), "course_id", first=1)
    assert [list(group) for group in first.aligned([IDS[4], IDS[0]])] == [[OUTLINE[1]], []]
    assert list(first[STRANGER]) == [OUTLINE[0]]


@compiled
@given(tables())
def test_packed_rows_are_the_structs_they_were_made_of(table: Table) -> None:
    kinds, values = table
    struct = struct_of(kinds)
    plain = [struct(*row) for row in values]
    made = rows.unpack(struct, packed(kinds, values), uuid)
    # by their text, in which -0.0 is not 0.0 and a NaN is a NaN
    assert repr(made) == repr(plain)
    assert len(made) == len(plain)
    for place in range(len(kinds)):
        assert repr(rows.column(made, f"c{place}")) == repr([row[place] for row in values])


@compiled
@given(lessons, keys, keys, st.slices(12), st.lists(st.integers(0, 11), max_size=8))
def test_views_of_packed_rows_are_those_of_lists(
    plain: list[Lesson], wanted: list[UUID], again: list[UUID], part: slice, places: list[int]
) -> None:
    places = [place for place in places if place < len(plain)]
    made = unpacked(plain)
    for view in (
        lambda all_: all_,
        lambda all_: all_[part],
        lambda all_: all_[1:][part],
        lambda all_: rows.take(all_, places),
    ):
        ours, theirs = view(made), view(plain)
        assert list(ours) == theirs
        assert ours == theirs
        for name in ("id", "course_id"):
            assert rows.aligned(ours, name, wanted) == rows.aligned(theirs, name, wanted)
            assert rows.grouped(ours, name, wanted) == rows.grouped(theirs, name, wanted)
        assert rows.column(ours, "title") == rows.column(theirs, "title")
        for group, group_too in zip(
            rows.grouped(ours, "id", wanted), rows.grouped(theirs, "id", wanted), strict=True
        ):
            assert rows.aligned(group, "course_id", again) == rows.aligned(group_too, "course_id", again)
            assert rows.grouped(group[1:], "course_id", again) == rows.grouped(
                group_too[1:], "course_id", again
            )


@compiled
@given(lessons)
def test_packed_rows_are_a_sequence(plain: list[Lesson]) -> None:
    made = unpacked(plain)
    assert isinstance(made, Sequence)
    assert list(reversed(made)) == plain[::-1]
    assert all(made[place] is made[place - len(plain)] for place in range(len(plain)))
    assert all(lesson in made for lesson in plain)
    assert Lesson(STRANGER, STRANGER, "") not in made
    for place in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            made[place]
    groups = rows.grouped(made, "id", IDS)
    assert isinstance(groups, Sequence)
    assert groups[-1] == groups[len(IDS) - 1]
    assert groups[1:3] == [groups[1], groups[2]]
    with pytest.raises(IndexError):
        groups[len(IDS)]


@compiled
def test_no_rows_are_none_and_empty_bytes_alike() -> None:
    for data in (None, b""):
        made = rows.unpack(Lesson, data, uuid)
        assert list(made) == []
        assert rows.aligned(made, "id", [STRANGER]) == [None]
        assert rows.grouped(made, "id", [STRANGER]) == [[]]


@compiled
def test_rows_without_a_value_belong_to_no_key() -> None:
    struct = struct_of(LESSON)
    values = [(IDS[0], None, "a"), (None, IDS[1], "b"), (IDS[0], IDS[1], "c"), (None, None, None)]
    made: Sequence[Any] = rows.unpack(struct, packed(LESSON, values), uuid)
    assert rows.aligned(made, "c1", [IDS[1], UUID(int=0)]) == [made[1], None]
    assert rows.grouped(made, "c0", [IDS[0], UUID(int=0)]) == [[made[0], made[2]], []]


@compiled
def test_a_column_that_is_no_id_aligns_nothing() -> None:
    for arrange in (rows.aligned, rows.grouped):
        with pytest.raises(AttributeError):
            arrange(unpacked(OUTLINE), "title", [STRANGER])


@compiled
@given(tables(), st.data())
def test_bytes_that_end_early_are_refused(table: Table, data: st.DataObject) -> None:
    kinds, values = table
    struct = struct_of(kinds)
    ends = [len(packed(kinds, values[:count])) for count in range(len(values) + 1)]
    whole = packed(kinds, values)
    cut = data.draw(st.integers(0, len(whole)))
    if cut in ends:
        assert len(rows.unpack(struct, whole[:cut], uuid)) == ends.index(cut)
    else:
        with pytest.raises(ValueError, match=r"^rows (end early|are not those of Row)$"):
            rows.unpack(struct, whole[:cut], uuid)


@compiled
@given(tables(), st.data())
def test_spoiled_bytes_are_refused_or_read_as_what_they_say(table: Table, data: st.DataObject) -> None:
    kinds, values = table
    whole = bytearray(packed(kinds, values))
    for _ in range(data.draw(st.integers(0, 3)) if whole else 0):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = rows.unpack(struct_of(kinds), bytes(whole), uuid)
        list(made)
    # a text that is no UTF-8; a moment that no calendar has
    except (ValueError, OverflowError):
        return
    assert len(made) <= len(values)


@compiled
@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    struct = struct_of(["text"] * 3)
    if data:
        with pytest.raises(ValueError, match=r"^rows |type"):
            rows.unpack(struct, data, uuid)


LYING = {
    "fewer columns": record(cell(25, b"a")),
    "more columns": record(*[cell(25, b"a")] * 3),
    "a length beyond the end": record(cell(25, b"a"), b"\0\0\0\x19\x7f\xff\xff\xff"),
    "a length below NULL": record(cell(25, b"a"), b"\0\0\0\x19\xff\xff\xff\xfe"),
    "a short id": record(cell(25, b"a"), cell(2950, bytes(15))),
    "a long id": record(cell(25, b"a"), cell(2950, bytes(17))),
    "an empty truth value": record(cell(25, b"a"), cell(16, b"")),
    "a number of three bytes": record(cell(25, b"a"), cell(23, bytes(3))),
    "a short float": record(cell(25, b"a"), cell(701, bytes(4))),
    "a moment of four bytes": record(cell(25, b"a"), cell(1184, bytes(4))),
    "a numeric": record(cell(25, b"a"), cell(1700, bytes(8))),
    "an array of ids": record(cell(25, b"a"), cell(2951, bytes(20))),
    "an enum": record(cell(25, b"a"), cell(16400, b"red")),
    # the id of the second row would be read from the text of the first, and beyond the end
    "a type for each row": record(cell(25, b"a"), cell(25, b"")) + record(cell(25, b"a"), cell(2950, None)),
}


@compiled
@pytest.mark.parametrize("lie", LYING)
def test_what_is_not_as_it_says_is_refused(lie: str) -> None:
    with pytest.raises(ValueError, match=r"rows |type"):
        rows.unpack(struct_of(["text", "text"]), LYING[lie], uuid)


@compiled
@pytest.mark.parametrize("extreme", [-(2**63), 2**63 - 1])
def test_a_moment_that_no_calendar_has_is_an_error(extreme: int) -> None:
    data = record(cell(1184, extreme.to_bytes(8, "big", signed=True)))
    with pytest.raises(OverflowError):
        list(rows.unpack(struct_of(["timestamptz"]), data, uuid))


AS_SENT = "SELECT string_agg(record_send(line), ''::bytea) FROM ({}) AS line"
EXTREMES: dict[str, list[Any]] = {
    "uuid": [uuid4(), UUID(int=0), None, UUID(int=2**128 - 1)],
    "text": ["", 'naïve 𝄞 \x01\n"\\', None, "x" * 100_000],
    "varchar": ["e\u0301", None, "\ufeff", "\u2028"],
    "int2": [-(2**15), 2**15 - 1, None, 0],
    "int4": [-(2**31), 2**31 - 1, None, -1],
    "int8": [-(2**63), 2**63 - 1, None, 2**32],
    "float8": [-0.0, 5e-324, math.inf, math.nan],
    "bool": [True, False, None, True],
    "timestamptz": [
        # to asyncpg the first and the last there are mean infinity
        datetime(1, 1, 1, 0, 0, 0, 1, UTC), datetime(9999, 12, 31, 23, 59, 59, 999_998, UTC), None,
        datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
    ],
}  # fmt: skip


@compiled
async def test_rows_that_postgresql_sends_packed_are_those_it_sends_singly(servers: Any) -> None:
    assert EXTREMES.keys() == KINDS.keys()
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(EXTREMES, start=1))
    text = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - of types' names
    struct: type[Any] = struct_of(list(EXTREMES))
    connection = await asyncpg.connect(servers.admin_url)
    try:
        singly = [struct(*row) for row in await connection.fetch(text, *EXTREMES.values())]
        sent = await connection.fetchval(AS_SENT.format(text), *EXTREMES.values())
    finally:
        await connection.close()
    assert repr(rows.unpack(struct, sent, pgproto.UUID)) == repr(singly)
    assert sent == packed(list(EXTREMES), zip(*EXTREMES.values(), strict=True))


@compiled
async def test_types_that_are_not_read_in_place_are_refused_as_postgresql_sends_them(servers: Any) -> None:
    connection = await asyncpg.connect(servers.admin_url)
    try:
        await connection.execute("CREATE TYPE pg_temp.color AS ENUM ('red')")
        for value in (
            "1.5::numeric",
            "'red'::pg_temp.color",
            "ARRAY[1]",
            "ARRAY['a']",
            "'{}'::jsonb",
            "now()::date",
        ):
            sent = await connection.fetchval(AS_SENT.format(f"SELECT {value}"))
            with pytest.raises(ValueError, match=r"^Row.c0: type \d+ is not read in place$"):
                rows.unpack(struct_of(["text"]), sent, pgproto.UUID)
    finally:
        await connection.close()


@compiled
@given(lessons)
def test_different_values_stand_beside_the_place_of_each(plain: list[Lesson]) -> None:
    found = unpacked(plain)
    for name in ("id", "course_id"):
        wanted = [getattr(lesson, name) for lesson in plain]
        values, places = found.distinct(name)  # type: ignore[attr-defined]  # rows as they are unpacked
        assert values == list(dict.fromkeys(wanted))
        assert [values[place] for place in places] == wanted


@compiled
def test_a_missing_value_is_no_key() -> None:
    found: Any = rows.unpack(struct_of(LESSON), packed(LESSON, [(IDS[0], None, "a")]), uuid)
    assert found.distinct("c0") == ([IDS[0]], [0])
    assert found.distinct("c1") is None
    assert rows.aligned(found, "c0", [STRANGER]).distinct("c0") is None  # type: ignore[attr-defined]  # likewise
    with pytest.raises(AttributeError):
        found.distinct("c2")
