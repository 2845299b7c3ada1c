from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import InvalidCursorError
from harka.graph.cursor import Listing
from harka.ids import new_id
from harka.repositories.page import BY_ID, OLDEST_FIRST, Order

KEY = bytes(32)
TENANT = new_id()
HERE = (datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), new_id())


def listing(
    *,
    key: bytes = KEY,
    tenant: UUID = TENANT,
    name: str = "courses",
    filters: tuple[str | None, ...] = (),
    order: Order = OLDEST_FIRST,
) -> Listing:
    return Listing(key, tenant, name, filters, order=order)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_position_survives_the_trip_exactly(moment: datetime, id_: UUID) -> None:
    position = (moment, id_)
    assert listing().open(listing().seal(position)) == position


@given(st.text(st.characters(codec="utf-8"), max_size=320), st.uuids())
def test_a_position_by_text_survives_the_trip_exactly(text: str, id_: UUID) -> None:
    titles = listing(order=Order("title"))
    assert titles.open(titles.seal((text, id_))) == (text, id_)
    with pytest.raises(InvalidCursorError):
        listing().open(titles.seal((text, id_)))


@given(st.uuids())
def test_a_position_by_id_survives_the_trip_exactly(id_: UUID) -> None:
    by_id = listing(order=BY_ID)
    assert by_id.open(by_id.seal((id_, id_))) == (id_, id_)
    with pytest.raises(InvalidCursorError):
        listing().open(by_id.seal((id_, id_)))


@given(st.floats(0, 1), st.integers(1, 2**31), st.uuids())
def test_a_position_by_number_survives_the_trip_exactly(progress: float, size: int, id_: UUID) -> None:
    by_progress, by_size = listing(order=Order("progress")), listing(order=Order("size"))
    assert by_progress.open(by_progress.seal((progress, id_))) == (progress, id_)
    assert by_size.open(by_size.seal((size, id_))) == (size, id_)


@pytest.mark.parametrize(
    "other",
    [
        listing(tenant=new_id()),
        listing(name="users"),
        listing(filters=("draft",)),
        listing(filters=(None,)),
        listing(key=bytes(31) + b"\1"),
        listing(order=Order("updated_at")),
        listing(order=Order("created_at", "desc")),
    ],
    ids=["tenant", "list", "filter", "no filter", "key", "order", "direction"],
)
def test_a_cursor_of_anything_else_is_refused(other: Listing) -> None:
    with pytest.raises(InvalidCursorError):
        listing().open(other.seal(HERE))


def test_filters_cannot_be_told_apart_by_how_they_are_joined() -> None:
    sealed = listing(filters=("ab", "c")).seal(HERE)
    with pytest.raises(InvalidCursorError):
        listing(filters=("a", "bc")).open(sealed)


@pytest.mark.parametrize("text", ["", "x", "A" * 43, "A" * 44, "é" * 43, "=" * 43, " " * 43, "\0" * 43])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        listing().open(text)


@given(st.integers(0, 42), st.characters())
def test_no_character_can_be_changed(place: int, character: str) -> None:
    sealed = listing().seal(HERE)
    changed = sealed[:place] + character + sealed[place + 1 :]
    if changed != sealed:
        with pytest.raises(InvalidCursorError):
            listing().open(changed)


def test_order_of_time_is_not_lost_before_1970() -> None:
    early = (datetime(1969, 12, 31, tzinfo=UTC) - timedelta(microseconds=1), new_id())
    assert listing().open(listing().seal(early)) == early
