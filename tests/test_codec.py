from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from harka import codec


class Point(msgspec.Struct, frozen=True):
    x: int
    at: datetime


def test_json_carries_ids_and_times_in_their_standard_text() -> None:
    value = {"id": UUID(int=1), "at": datetime(2026, 1, 2, tzinfo=UTC)}
    assert codec.json_bytes(value) == (
        b'{"id":"00000000-0000-0000-0000-000000000001","at":"2026-01-02T00:00:00+00:00"}'
    )


def test_an_id_of_a_subclass_is_written_as_any_other() -> None:
    class DriverId(UUID):
        pass

    assert codec.json_bytes([DriverId(int=1)]) == codec.json_bytes([UUID(int=1)])


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError):
        codec.json_bytes(object())


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"NaN"])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(codec.JsonDecodeError):
        codec.from_json(text)


def test_packed_values_come_back_as_their_type() -> None:
    point = Point(1, datetime(2026, 1, 2, tzinfo=UTC))
    assert codec.unpacked(codec.packed(point), Point) == point


def test_packed_bytes_of_another_shape_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.unpacked(codec.packed(["x"]), Point)
