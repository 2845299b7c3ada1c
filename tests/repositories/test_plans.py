"""Hot statements find their rows by an index, under row-level security, however large the tables are."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from academy import SCHEMA, Academy, Parts, founded
from harka.clock import now
from harka.config import Settings
from harka.ids import earliest_id, new_id
from harka.repositories import completion, course, enrollment, job, lesson, module, progress, user
from harka.repositories.page import BEGINNING
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from harka.storage.statement import Statement

BIG = {"user", "enrollment", "lesson_progress", "job"}

SEED = {
    "user": """INSERT INTO {schema}."user" (tenant_id, id, email, name, created_at)
      SELECT $1::uuid, uuidv7(), n || '@example.com', 'n', now() + n * interval '1 ms'
      FROM generate_series(1, 2000) AS n""",
    "course": """INSERT INTO {schema}.course (tenant_id, id, code, slug, title, status)
      SELECT $1::uuid, uuidv7(), n, n, 'c', 'published' FROM generate_series(1, 10) AS n""",
    "module": """INSERT INTO {schema}.module (tenant_id, id, course_id, position, title)
      SELECT $1::uuid, uuidv7(), id, 0, 'm' FROM {schema}.course WHERE tenant_id = $1""",
    "lesson": """INSERT INTO {schema}.lesson (tenant_id, id, course_id, module_id, position, title, kind)
      SELECT $1::uuid, uuidv7(), course_id, id, n, 'l', 'video'
      FROM {schema}.module, generate_series(1, 5) AS n WHERE tenant_id = $1""",
    "enrollment": """INSERT INTO {schema}.enrollment (tenant_id, id, user_id, course_id, created_at)
      SELECT $1::uuid, uuidv7(), u.id, c.id, u.created_at FROM {schema}."user" u, {schema}.course c
      WHERE u.tenant_id = $1 AND c.tenant_id = $1""",
    "progress": """INSERT INTO {schema}.lesson_progress
        (tenant_id, id, enrollment_id, lesson_id, fraction, occurred_at)
      SELECT $1::uuid, uuidv7(), e.id, l.id, 1, now() FROM {schema}.enrollment e
      JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = e.course_id AND l.position < 3
      WHERE e.tenant_id = $1""",
    "job": """INSERT INTO {schema}.job (tenant_id, id, type, state)
      SELECT $1::uuid, uuidv7(), 't', CASE WHEN n % 100 = 0 THEN 'queued' ELSE 'done' END
      FROM generate_series(1, 5000) AS n""",
}


@pytest.fixture(scope="module")
async def crowd(parts: Parts, academy_settings: Settings) -> AsyncIterator[Academy]:
    """A tenant with 20,000 enrollments beside another like it."""
    academies = [founded(parts), founded(parts)]
    for academy in academies:
        async with academy.work() as work:
            for name, text in SEED.items():
                await work.session.execute(Statement(f"seed.{name}", text))
    async with connected(admin_url(academy_settings)) as connection:
        for table in ('"user"', "course", "module", "lesson", "enrollment", "lesson_progress", "job"):
            await connection.execute(f"VACUUM ANALYZE {SCHEMA}.{table}")
    yield academies[0]
    for academy in academies:
        async with academy.work() as work:
            for table in ("job", "lesson_progress", "enrollment", "course", '"user"'):
                text = f"DELETE FROM {{schema}}.{table} WHERE tenant_id = $1"  # noqa: S608 - a constant
                await work.session.execute(Statement("clear", text))


ONE, FEW = new_id(), [new_id(), new_id()]
PAGE = (*BEGINNING, 20)
CASES: list[tuple[Statement, tuple[Any, ...]]] = [
    (user.FIND_BY_IDS, (FEW,)),
    (user.FIND_BY_EMAILS, (["1@example.com"],)),
    (user.STATUSES, (FEW,)),
    (user.PAGE, (*PAGE, None, None)),
    (course.FIND_VISIBLE, (False, ONE, FEW)),
    (course.FIND_VISIBLE_BY_CODES, (False, ONE, ["1"])),
    (course.PAGE, (False, ONE, *PAGE, None)),
    (module.FIND_BY_COURSES, (False, ONE, FEW)),
    (module.FIND_ALL_BY_COURSES, (FEW,)),
    (module.FIND_VISIBLE, (False, ONE, FEW)),
    (lesson.FIND_BY_COURSES, (False, ONE, FEW)),
    (lesson.FIND_BY_MODULES, (False, ONE, FEW)),
    (lesson.FIND_ALL_BY_MODULES, (FEW,)),
    (lesson.FIND_VISIBLE, (False, ONE, FEW)),
    (enrollment.FIND_VISIBLE, (False, ONE, FEW)),
    (enrollment.PAGE, (*PAGE, None)),
    (enrollment.PAGE_OF_USER, (*PAGE, None, ONE, None)),
    (enrollment.PAGE_OF_COURSE, (*PAGE, None, ONE)),
    (enrollment.FIRST_OF_USERS, (FEW, 20)),
    (enrollment.FIRST_OF_COURSES, (FEW, 20)),
    (enrollment.OF_USER_IN_COURSES, (ONE, FEW)),
    (enrollment.COUNT_OF_USERS, (FEW, None, None)),
    (enrollment.COUNT_OF_COURSES, (FEW, None)),
    (enrollment.LOCK, (FEW,)),
    (enrollment.WITHDRAW_MANY, (FEW, [now(), now()])),
    (progress.FIND_VISIBLE, (False, ONE, FEW)),
    (progress.FIND_BY_ENROLLMENTS, (False, ONE, FEW)),
    (progress.FIND_ONE, (ONE, ONE)),
    (progress.LOCK_TARGET, (ONE, ONE)),
    (progress.RECALCULATE, (FEW,)),
    (completion.FIND_BY_ENROLLMENTS, (False, ONE, FEW)),
    (job.CLAIM, (60.0,)),
    (job.FINISH, (ONE, 1)),
    (job.INSERT_UNLESS_RECENT, (ONE, "t", 3, earliest_id(now() + timedelta(hours=1)))),
]


@pytest.mark.parametrize(("statement", "args"), CASES, ids=lambda value: getattr(value, "name", ""))
async def test_no_large_table_is_read_from_end_to_end(
    crowd: Academy, statement: Statement, args: tuple[Any, ...]
) -> None:
    explained = Statement("explain", "EXPLAIN (FORMAT JSON) " + statement.text)

    async with crowd.work() as work:
        plan = json.loads(await work.session.fetch_value(explained, *args))[0]["Plan"]

    read = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert BIG.intersection(read) == set(), json.dumps(plan, indent=1)


async def test_a_page_reads_no_more_than_it_shows(crowd: Academy) -> None:
    """Also for a reader who sees only some, and however often the statement was prepared."""
    explained = Statement("explain", "EXPLAIN (ANALYZE, FORMAT JSON) " + enrollment.PAGE_OF_COURSE.text)
    async with crowd.work(read_only=True) as work:
        (some, *_) = await enrollment.list_page(work.session, after=None, first=1)
        for _ in range(8):
            plan = json.loads(
                await work.session.fetch_value(explained, *PAGE, None, UUID(str(some.course_id)))
            )[0]["Plan"]
            scans = [node for node in nodes(plan) if "Relation Name" in node]
            assert [node["Actual Rows"] for node in scans] == [20]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)
