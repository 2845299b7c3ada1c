from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError

from harka.graph import schema

DATE_TIME = schema.core().type_map["DateTime"]


@pytest.mark.parametrize(
    "text", ["2026-01-31T09:30:00Z", "2026-01-31T10:30:00+01:00", "2026-01-31 09:30:00.000000Z"]
)
def test_a_moment_is_read_whatever_its_offset(text: str) -> None:
    assert DATE_TIME.coerce_input_value(text) == datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-01-31T09:30:00",
        "2026-02-30T00:00:00Z",
        "2026-01-31",
        0,
        None,
        True,
        "\0",
        "9" * 500,
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="2026-01-31T09:30:00Z"):
        DATE_TIME.coerce_input_value(value)


def test_a_moment_is_written_exactly() -> None:
    moment = datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=timezone(timedelta(0)))
    assert DATE_TIME.coerce_output_value(moment) == "2026-01-31T09:30:00.123456+00:00"
