"""Rows as they were sent are held to lists of structs: whoever gets either cannot tell them apart."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka import rows
from harka.rows import ByKey, Grouped
from records import Table, cell, data_row, oids, received, sent, struct_of, tables, texts, uuid

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
    return received(Lesson, LESSON, map(msgspec.structs.astuple, lessons))


FORMS = [pytest.param(list, id="listed"), pytest.param(unpacked, id="unpacked", marks=compiled)]
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
def test_unpacked_rows_are_the_structs_they_were_made_of(table: Table) -> None:
    kinds, values = table
    struct = struct_of(kinds)
    plain = [struct(*row) for row in values]
    made = received(struct, kinds, values)
    # by their text, in which -0.0 is not 0.0 and a NaN is a NaN
    assert repr(made) == repr(plain)
    assert len(made) == len(plain)
    for place in range(len(kinds)):
        assert repr(rows.column(made, f"c{place}")) == repr([row[place] for row in values])


@compiled
@given(lessons, keys, keys, st.slices(12), st.lists(st.integers(0, 11), max_size=8))
def test_views_of_unpacked_rows_are_those_of_lists(
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
def test_unpacked_rows_are_a_sequence(plain: list[Lesson]) -> None:
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
def test_no_rows_are_no_bytes() -> None:
    made = received(Lesson, LESSON, [])
    assert list(made) == []
    assert rows.aligned(made, "id", [STRANGER]) == [None]
    assert rows.grouped(made, "id", [STRANGER]) == [[]]


@compiled
def test_rows_without_a_value_belong_to_no_key() -> None:
    struct = struct_of(LESSON)
    values = [(IDS[0], None, "a"), (None, IDS[1], "b"), (IDS[0], IDS[1], "c"), (None, None, None)]
    made: Sequence[Any] = received(struct, LESSON, values)
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
    ends = [len(sent(kinds, values[:count])) for count in range(len(values) + 1)]
    whole = sent(kinds, values)
    cut = data.draw(st.integers(0, len(whole)))
    if cut in ends:
        assert len(rows.unpack(struct, oids(kinds), whole[:cut], uuid)) == ends.index(cut)
    else:
        with pytest.raises(ValueError, match=r"^rows end early$"):
            rows.unpack(struct, oids(kinds), whole[:cut], uuid)


@compiled
@given(tables(), st.data())
def test_spoiled_bytes_are_refused_or_read_as_what_they_say(table: Table, data: st.DataObject) -> None:
    kinds, values = table
    whole = bytearray(sent(kinds, values))
    for _ in range(data.draw(st.integers(0, 3)) if whole else 0):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = rows.unpack(struct_of(kinds), oids(kinds), bytes(whole), uuid)
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
        with pytest.raises(ValueError, match=r"^rows "):
            rows.unpack(struct, [25] * 3, data, uuid)


A = cell(b"a")
LYING = {
    "fewer columns": data_row(A),
    "more columns": data_row(*[A] * 3),
    "another message": b"C" + data_row(A, A)[1:],
    "a length beyond the end": data_row(A, b"\x7f\xff\xff\xff"),
    "a length into the next row": data_row(A, b"\0\0\0\2a") + data_row(A, A),
    "a length below NULL": data_row(A, b"\xff\xff\xff\xfe"),
    "a message longer than its cells": data_row(A, A + b"a"),
    "a message shorter than any": b"D\0\0\0\5\0\2",
    "a message below nothing": b"D\xff\xff\xff\xff\0\2",
}
WRONG_LENGTHS = {
    "uuid": (0, 15, 17), "bool": (0, 2), "int2": (0, 3, 4), "int4": (0, 3, 8), "int8": (0, 4, 9),
    "float8": (0, 4), "timestamptz": (0, 4, 12),
}  # fmt: skip


@compiled
@pytest.mark.parametrize("lie", LYING)
def test_what_is_not_as_it_says_is_refused(lie: str) -> None:
    with pytest.raises(ValueError, match=r"^rows "):
        rows.unpack(struct_of(["text", "text"]), [25, 25], LYING[lie], uuid)


@compiled
@pytest.mark.parametrize("kind", WRONG_LENGTHS)
def test_a_value_of_another_length_than_its_type_has_is_refused(kind: str) -> None:
    for length in WRONG_LENGTHS[kind]:
        with pytest.raises(ValueError, match=f"^a value of c1 has {length} bytes$"):
            rows.unpack(
                struct_of(["text", kind]), oids(["text", kind]), data_row(A, cell(bytes(length))), uuid
            )


@compiled
def test_there_are_as_many_types_as_fields() -> None:
    for kinds in ([], ["text"], ["text"] * 3):
        with pytest.raises(ValueError, match="are not those of Row"):
            rows.unpack(struct_of(["text"] * 2), oids(kinds), b"", uuid)


@compiled
@pytest.mark.parametrize("extreme", [-(2**63), 2**63 - 1])
def test_a_moment_that_no_calendar_has_is_an_error(extreme: int) -> None:
    data = data_row(cell(extreme.to_bytes(8, "big", signed=True)))
    with pytest.raises(OverflowError):
        list(rows.unpack(struct_of(["timestamptz"]), oids(["timestamptz"]), data, uuid))


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
    found: Any = received(struct_of(LESSON), LESSON, [(IDS[0], None, "a")])
    assert found.distinct("c0") == ([IDS[0]], [0])
    assert found.distinct("c1") is None
    assert rows.aligned(found, "c0", [STRANGER]).distinct("c0") is None  # type: ignore[attr-defined]  # likewise
    with pytest.raises(AttributeError):
        found.distinct("c2")
