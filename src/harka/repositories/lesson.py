from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class Lesson(msgspec.Struct, frozen=True):
    """`kind`: such as video. `weight`: share of the course's progress, 0 for an optional lesson.

    `required`: no completion of the course without it.
    """

    id: UUID
    course_id: UUID
    module_id: UUID
    position: int
    title: str
    kind: str
    duration_minutes: int | None
    weight: float
    required: bool
    created_at: datetime
    updated_at: datetime
    version: int


class Taught(msgspec.Struct, frozen=True):
    """Of which course a lesson is. `guarded`: its module, if that has rules when to open.

    `finished_by`: what must be passed to finish it, "quiz" or "assignment", where that was asked. It and
    `kind` are None where nobody asks.
    """

    id: UUID
    course_id: UUID
    guarded: UUID | None
    finished_by: str | None = None
    kind: str | None = None


# Lessons by id, of courses the reader may see.
FIND_VISIBLE = Statement(
    "lesson.find_visible",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.lesson l JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = l.course_id
    WHERE l.tenant_id = $1 AND l.id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))""",
)

# Which courses lessons belong to, and which modules that have rules when to open, for who has checked the
# permission already. Who writes progress in a lesson keeps it from being taken away meanwhile.
COURSES_OF = Statement(
    "lesson.courses_of",
    """SELECT l.id, l.course_id, u.module_id AS guarded,
      CASE WHEN EXISTS (SELECT FROM {schema}.quiz q
        WHERE q.tenant_id = $1 AND q.lesson_id = l.id AND q.completes_lesson) THEN 'quiz'
      WHEN EXISTS (SELECT FROM {schema}.assignment a
        WHERE a.tenant_id = $1 AND a.lesson_id = l.id AND a.completes_lesson) THEN 'assignment'
      END AS finished_by, l.kind
    FROM {schema}.lesson l
    LEFT JOIN {schema}.module_unlock u ON u.tenant_id = $1 AND u.module_id = l.module_id
    WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[]) ORDER BY l.id FOR KEY SHARE OF l""",
)

# Those of some lessons that a user is enrolled for, with access that has not ended, and which of their
# modules have rules when to open.
TAKEN_BY = Statement(
    "lesson.taken_by",
    """SELECT l.id, l.course_id, u.module_id AS guarded
    FROM {schema}.lesson l
    JOIN {schema}.enrollment e ON e.tenant_id = $1 AND e.user_id = $2::uuid AND e.course_id = l.course_id
      AND e.status <> 'withdrawn' AND (e.expires_at IS NULL OR e.expires_at > now())
    LEFT JOIN {schema}.module_unlock u ON u.tenant_id = $1 AND u.module_id = l.module_id
    WHERE l.tenant_id = $1 AND l.id = ANY($3::uuid[])""",
)

# A new version of a lesson whose list of content changes; a version of NULL stands for any.
TOUCH = Statement(
    "lesson.touch",
    """UPDATE {schema}.lesson SET updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND ($3::int IS NULL OR version = $3)
    RETURNING id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version""",
)

# The lessons of courses the reader may see, in the order of the outline.
FIND_BY_COURSES = Statement(
    "lesson.find_by_courses",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.lesson l
    JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = l.module_id
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = l.course_id
    WHERE l.tenant_id = $1 AND l.course_id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))
    ORDER BY l.course_id, m.position, m.id, l.position, l.id""",
)

# The lessons of modules of courses the reader may see, in order.
FIND_BY_MODULES = Statement(
    "lesson.find_by_modules",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.module m
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = m.course_id
    JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = m.course_id AND l.module_id = m.id
    WHERE m.tenant_id = $1 AND m.id = ANY($4::uuid[])
      AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {schema}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
          AND e.status <> 'withdrawn'))
    ORDER BY l.module_id, l.position, l.id""",
)

# The same for who sees everything: a fifth less to do.
FIND_ALL_BY_MODULES = Statement(
    "lesson.find_all_by_modules",
    """SELECT l.id, l.course_id, l.module_id, l.position, l.title, l.kind, l.duration_minutes, l.weight,
      l.required, l.created_at, l.updated_at, l.version
    FROM {schema}.module m
    JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = m.course_id AND l.module_id = m.id
    WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[])
    ORDER BY l.module_id, l.position, l.id""",
)

# The lessons of all modules of courses the reader may see, in order in each: as the index has them. The
# courses are looked up once, not joined to each lesson.
FIND_IN_MODULES_OF = Statement(
    "lesson.find_in_modules_of",
    """SELECT id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version
    FROM {schema}.lesson WHERE tenant_id = $1 AND course_id = ANY(ARRAY(
      SELECT c.id FROM {schema}.course c
      WHERE c.tenant_id = $1 AND c.id = ANY($4::uuid[])
        AND ($2::boolean OR c.status = 'published' OR EXISTS (
          SELECT FROM {schema}.enrollment e
          WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id
            AND e.status <> 'withdrawn'))))
    ORDER BY course_id, module_id, position, id""",
)

# The same for who sees everything.
FIND_ALL_IN_MODULES_OF = Statement(
    "lesson.find_all_in_modules_of",
    """SELECT id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version
    FROM {schema}.lesson WHERE tenant_id = $1 AND course_id = ANY($2::uuid[])
    ORDER BY course_id, module_id, position, id""",
)

# Lessons by id, for rules that have checked the permission already.
FIND_BY_IDS = Statement(
    "lesson.find_by_ids",
    """SELECT id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version
    FROM {schema}.lesson WHERE tenant_id = $1 AND id = ANY($2::uuid[])""",
)

# Lessons, or those of a module, held against every other writer: of progress in them too.
HOLD = Statement(
    "lesson.hold",
    """SELECT id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version
    FROM {schema}.lesson
    WHERE tenant_id = $1 AND course_id = $2::uuid AND module_id = $3::uuid AND ($4::uuid IS NULL OR id = $4)
    ORDER BY id FOR UPDATE""",
)

# How many lessons a module has.
COUNT = Statement(
    "lesson.count",
    """SELECT count(*) FROM {schema}.lesson
    WHERE tenant_id = $1 AND course_id = $2::uuid AND module_id = $3::uuid""",
)

# Change what is given, unless someone else changed the lesson. Minutes can be taken away: $7 says whether
# they are given.
UPDATE = Statement(
    "lesson.update",
    """UPDATE {schema}.lesson
    SET title = coalesce($4::text, title), kind = coalesce($5::text, kind),
      weight = coalesce($6::float8, weight), required = coalesce($9::boolean, required),
      duration_minutes = CASE WHEN $7::boolean THEN $8::int ELSE duration_minutes END,
      updated_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2::uuid AND version = $3::int
    RETURNING id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version""",
)

# Put all lessons of a module into the given order; answers whether exactly those were given.
REORDER = Statement(
    "lesson.reorder",
    """WITH wanted AS (
      SELECT id, place - 1 AS position FROM unnest($4::uuid[]) WITH ORDINALITY AS given (id, place)
    ), matched AS (
      SELECT (SELECT count(*) FROM wanted) = count(l.id) AND count(w.id) = count(l.id) AS exact
      FROM {schema}.lesson l LEFT JOIN wanted w ON w.id = l.id
      WHERE l.tenant_id = $1 AND l.course_id = $2::uuid AND l.module_id = $3::uuid
    ), moved AS (
      UPDATE {schema}.lesson l
      SET position = w.position, updated_at = now(), version = version + 1
      FROM wanted w, matched
      WHERE l.tenant_id = $1 AND l.course_id = $2::uuid AND l.module_id = $3::uuid AND l.id = w.id
        AND l.position <> w.position AND matched.exact
    )
    SELECT exact FROM matched""",
)

# Put a lesson into another module of its course: where it was those behind it move up, where it comes down.
MOVE = Statement(
    "lesson.move",
    """WITH moved AS (
      UPDATE {schema}.lesson
      SET module_id = CASE WHEN id = $2::uuid THEN $6::uuid ELSE module_id END,
        position = CASE WHEN id = $2 THEN $7::int WHEN module_id = $6 THEN position + 1 ELSE position - 1 END,
        updated_at = now(), version = version + 1
      WHERE tenant_id = $1 AND course_id = $3::uuid AND (id = $2
        OR (module_id = $4::uuid AND position > $5::int) OR (module_id = $6 AND position >= $7))
      RETURNING *
    )
    SELECT id, course_id, module_id, position, title, kind, duration_minutes, weight,
      required, created_at, updated_at, version
    FROM moved WHERE id = $2""",
)

# Take a lesson away, with the progress in it; those behind it move up. Where learners have worked in it, only
# when that may go too, and a manager of groups sees all of them. Answers how many lessons the course has
# left, if it was done.
DELETE = Statement(
    "lesson.delete",
    f"""WITH gone AS (
      DELETE FROM {{schema}}.lesson l
      WHERE l.tenant_id = $1 AND l.id = $2::uuid AND ($3::boolean AND ($4::uuid IS NULL OR (
        SELECT count(*) FROM {{schema}}.lesson_progress p
        JOIN {{schema}}.enrollment e ON e.tenant_id = $1 AND e.id = p.enrollment_id
        WHERE p.tenant_id = $1 AND p.lesson_id = l.id AND NOT {unless_beyond("e.user_id", "$4")}
      ) = 0) OR (
        SELECT count(*) FROM {{schema}}.lesson_progress p WHERE p.tenant_id = $1 AND p.lesson_id = l.id
      ) = 0)
      RETURNING l.id, l.course_id, l.module_id, l.position
    ), moved AS (
      UPDATE {{schema}}.lesson l SET position = l.position - 1, updated_at = now(), version = version + 1
      FROM gone WHERE l.tenant_id = $1 AND l.course_id = gone.course_id AND l.module_id = gone.module_id
        AND l.position > gone.position
    )
    SELECT (SELECT count(*) FROM {{schema}}.lesson l
      WHERE l.tenant_id = $1 AND l.course_id = gone.course_id AND l.id <> gone.id) AS count
    FROM gone""",  # noqa: S608 - constants
)

# New lessons, in one statement however many.
INSERT_MANY = Statement(
    "lesson.insert_many",
    """INSERT INTO {schema}.lesson
      (tenant_id, id, course_id, module_id, position, title, kind, duration_minutes, weight,
       required, created_at, updated_at, version)
    SELECT $1::uuid, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[],
      $8::int[], $9::float8[], $10::boolean[], $11::timestamptz[], $12::timestamptz[],
      $13::int[])""",
)


async def find_visible(session: ShardSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Lesson]:
    return await session.fetch_rows(Lesson, FIND_VISIBLE, scope.everything, scope.user, ids)


async def find_by_courses(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID]
) -> Sequence[Lesson]:
    """Grouped by course, in the order of the outline."""
    return await session.fetch_rows(Lesson, FIND_BY_COURSES, scope.everything, scope.user, course_ids)


async def find_by_modules(
    session: ShardSession, scope: Scope, module_ids: Sequence[UUID]
) -> Sequence[Lesson]:
    """Grouped by module, in order."""
    if scope.everything:
        return await session.fetch_rows(Lesson, FIND_ALL_BY_MODULES, module_ids)
    return await session.fetch_rows(Lesson, FIND_BY_MODULES, scope.everything, scope.user, module_ids)


async def find_in_modules_of(
    session: ShardSession, scope: Scope, course_ids: Sequence[UUID]
) -> Sequence[Lesson]:
    """Of all modules of these courses: grouped by module, in order."""
    if scope.everything:
        return await session.fetch_rows(Lesson, FIND_ALL_IN_MODULES_OF, course_ids)
    return await session.fetch_rows(Lesson, FIND_IN_MODULES_OF, scope.everything, scope.user, course_ids)


async def courses_of(session: ShardSession, ids: Sequence[UUID]) -> dict[UUID, Taught]:
    """The course of each lesson, whoever may see it; unknown ids are left out."""
    return {row["id"]: Taught(*row) for row in await session.fetch(COURSES_OF, ids)}


async def taken_by(session: ShardSession, user_id: UUID, ids: Sequence[UUID]) -> list[Taught]:
    """Those that the user is enrolled for, and has access to."""
    return [Taught(*row) for row in await session.fetch(TAKEN_BY, user_id, ids)]


async def touch(session: ShardSession, id_: UUID, version: int | None = None) -> Lesson | None:
    """None: absent, or of another version."""
    row = await session.fetch_row(TOUCH, id_, version)
    return None if row is None else Lesson(*row)


async def insert_many(session: ShardSession, lessons: Sequence[Lesson]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, lessons), strict=True)]
    if columns:
        await session.execute(INSERT_MANY, *columns)


async def find(session: ShardSession, id_: UUID) -> Lesson | None:
    """Whoever may see it."""
    row = await session.fetch_row(FIND_BY_IDS, [id_])
    return None if row is None else Lesson(*row)


async def hold(
    session: ShardSession, course_id: UUID, module_id: UUID, id_: UUID | None = None
) -> list[Lesson]:
    """Of a module, all or one: until this transaction ends nobody else changes them, or works in them."""
    return [Lesson(*row) for row in await session.fetch(HOLD, course_id, module_id, id_)]


async def count(session: ShardSession, course_id: UUID, module_id: UUID) -> int:
    return int(await session.fetch_value(COUNT, course_id, module_id))


async def update(
    session: ShardSession,
    id_: UUID,
    version: int,
    *,
    title: str | None = None,
    kind: str | None = None,
    weight: float | None = None,
    required: bool | None = None,
    duration_minutes: int | UnsetType | None = UNSET,
) -> Lesson | None:
    """None stands for "as it is", but for minutes; as an answer: absent, or of another version."""
    given = duration_minutes is not UNSET
    minutes = duration_minutes if given else None
    row = await session.fetch_row(UPDATE, id_, version, title, kind, weight, given, minutes, required)
    return None if row is None else Lesson(*row)


async def reorder(session: ShardSession, course_id: UUID, module_id: UUID, ids: Sequence[UUID]) -> bool:
    """Whether `ids`, which differ, are all lessons of the module; otherwise nothing is done."""
    return bool(await session.fetch_value(REORDER, course_id, module_id, ids))


async def delete(session: ShardSession, scope: Scope, id_: UUID, *, with_progress: bool) -> int | None:
    """How many lessons the course has left. None: nothing was done, for there is progress.

    The course and the lesson must be held.
    """
    row = await session.fetch_row(DELETE, id_, with_progress, scope.manager)
    return None if row is None else int(row[0])


async def move(session: ShardSession, lesson: Lesson, module_id: UUID, position: int) -> Lesson:
    """To a place of another module of its course, which must be held, as the lesson."""
    row = await session.fetch_row(
        MOVE, lesson.id, lesson.course_id, lesson.module_id, lesson.position, module_id, position
    )
    assert row is not None  # noqa: S101 - it is held
    return Lesson(*row)
