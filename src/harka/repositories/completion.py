from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, managed
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Completion(msgspec.Struct, frozen=True):
    """That an enrollment was completed, once and for all. `score`: 0 to 100, None when nothing was marked.

    It never changes: `updated_at` is when it was created, `version` is 1.
    """

    id: UUID
    enrollment_id: UUID
    completed_at: datetime
    score: float | None
    created_at: datetime
    updated_at: datetime
    version: int


_WRITTEN = len(Completion.__struct_fields__) - 2
"""Columns: all but `updated_at` and `version`."""


# Completions by id, of enrollments the reader may see.
FIND_VISIBLE = Statement(
    "completion.find_visible",
    f"""SELECT k.id, k.enrollment_id, k.completed_at, k.score, k.created_at,
      k.created_at AS updated_at, 1 AS version
    FROM {{schema}}.completion k JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = k.enrollment_id
    WHERE k.tenant_id = $1 AND k.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

# The completions of enrollments the reader may see.
FIND_BY_ENROLLMENTS = Statement(
    "completion.find_by_enrollments",
    f"""SELECT k.id, k.enrollment_id, k.completed_at, k.score, k.created_at,
      k.created_at AS updated_at, 1 AS version
    FROM {{schema}}.enrollment e JOIN {{schema}}.completion k ON k.tenant_id = $1 AND k.enrollment_id = e.id
    WHERE e.tenant_id = $1 AND e.id = ANY($4::uuid[])
      AND ($2::boolean OR e.user_id = $3::uuid OR {managed("e.user_id", "$5")})""",  # noqa: S608 - constants
)

# How many completions there are.
COUNT = Statement("completion.count", "SELECT count(*) FROM {schema}.completion WHERE tenant_id = $1")

# Complete active enrollments, whatever their progress.
AWARD_MANY = Statement(
    "completion.award_many",
    """WITH entry AS (
      SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::float8[], $6::timestamptz[])
        AS entry (id, enrollment_id, completed_at, score, created_at)
    ), done AS (
      UPDATE {schema}.enrollment e
      SET status = 'completed', completed_at = entry.completed_at, updated_at = now(), version = e.version + 1
      FROM entry WHERE e.tenant_id = $1 AND e.id = entry.enrollment_id AND e.status = 'active'
      RETURNING e.id
    )
    INSERT INTO {schema}.completion (tenant_id, id, enrollment_id, completed_at, score, created_at)
    SELECT $1::uuid, entry.* FROM entry JOIN done ON done.id = entry.enrollment_id
    RETURNING id, enrollment_id, completed_at, score, created_at, created_at AS updated_at, 1 AS version""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Completion]:
    return await session.fetch_rows(
        Completion, FIND_VISIBLE, scope.everything, scope.user, ids, scope.manager
    )


async def find_by_enrollments(
    session: ShardSession, scope: Scope, enrollment_ids: Sequence[UUID]
) -> Sequence[Completion]:
    return await session.fetch_rows(
        Completion, FIND_BY_ENROLLMENTS, scope.everything, scope.user, enrollment_ids, scope.manager
    )


async def count(session: ShardSession) -> int:
    return int(await session.fetch_value(COUNT))


async def award_many(session: ShardSession, completions: Sequence[Completion]) -> list[Completion]:
    """Those awarded now: not where the enrollment is completed or withdrawn. The enrollments must differ."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, completions), strict=True)]
    if not columns:
        return []
    return [Completion(*row) for row in await session.fetch(AWARD_MANY, *columns[:_WRITTEN])]
