"""How values beyond those of GraphQL itself are written."""

from datetime import datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition


def _parse(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise GraphQLError("A DateTime is written as in 2026-01-31T09:30:00Z, with its offset from UTC.")
    return moment


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A moment, as RFC 3339 writes it: `2026-01-31T09:30:00Z`. Answers are in UTC.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=datetime.isoformat,
    parse_value=_parse,
)
