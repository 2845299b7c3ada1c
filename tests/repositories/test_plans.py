"""Hot statements find their rows by an index, under row-level security, however large the tables are."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from academy import SCHEMA, Academy, Parts, founded
from harka.config import Settings
from harka.repositories import (
    certificate,
    completion,
    course,
    course_analytics,
    enrollment,
    enrollment_list,
    file,
    group,
    group_manager,
    group_member,
    invitation,
    job,
    job_run,
    lesson,
    module,
    password,
    path_enrollment,
    progress,
    quiz,
    quiz_attempt,
    quiz_question,
    rollup,
    search,
    session,
    submission,
    tag,
    unlock,
    user,
)
from harka.repositories.page import OLDEST_FIRST, Order, Pages, position_of, statements_of
from harka.repositories.scope import Scope
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from harka.storage.statement import Statement

BIG = {
    *("search_word", "search_spelling", "file", "learning_path_enrollment"),
    *("user", "user_group", "user_group_path", "user_group_member", "user_scope"),
    *("enrollment", "lesson_progress", "quiz_question", "quiz_attempt", "job"),
    *("session", "password"),
}
CROWDED = (
    *('"user"', "user_group", "user_group_path", "user_group_member", "user_scope"),
    *("course", "module", "lesson", "enrollment", "lesson_progress", "job"),
    *("search_word", "search_spelling", "file"),
    *("learning_path", "learning_path_course", "learning_path_enrollment"),
    *("quiz", "quiz_question", "quiz_attempt"),
    *("session", "password"),
)
# indexes of the few rows that wait or run
PARTIAL = {
    "job_line",
    "job_running",
    "job_dead",
    "job_lane",
    "job_dedupe",
    "job_finished",
    "file_pending",
    "file_overdue",
}

SEED = {
    "user": """INSERT INTO {schema}."user" (tenant_id, id, email, name, created_at)
      SELECT $1::uuid, uuidv7(), n || '@example.com',
        'name ' || translate(n::text, '0123456789', 'abcdefghij') || 'son', now() + n * interval '1 ms'
      FROM generate_series(1, 2000) AS n""",
    "course": """INSERT INTO {schema}.course (tenant_id, id, code, slug, title, status)
      SELECT $1::uuid, uuidv7(), n, n, 'c', 'published' FROM generate_series(1, 10) AS n""",
    "module": """INSERT INTO {schema}.module (tenant_id, id, course_id, position, title)
      SELECT $1::uuid, uuidv7(), id, 0, 'm' FROM {schema}.course WHERE tenant_id = $1""",
    "lesson": """INSERT INTO {schema}.lesson (tenant_id, id, course_id, module_id, position, title, kind)
      SELECT $1::uuid, uuidv7(), course_id, id, n, 'l', 'video'
      FROM {schema}.module, generate_series(1, 100) AS n WHERE tenant_id = $1""",
    "enrollment": """INSERT INTO {schema}.enrollment (tenant_id, id, user_id, course_id, created_at)
      SELECT $1::uuid, uuidv7(), u.id, c.id, u.created_at FROM {schema}."user" u, {schema}.course c
      WHERE u.tenant_id = $1 AND c.tenant_id = $1""",
    "progress": """INSERT INTO {schema}.lesson_progress
        (tenant_id, id, enrollment_id, lesson_id, fraction, occurred_at)
      SELECT $1::uuid, uuidv7(), e.id, l.id, 1, now() FROM {schema}.enrollment e
      JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = e.course_id AND l.position < 3
      WHERE e.tenant_id = $1""",
    "quiz": """INSERT INTO {schema}.quiz
        (tenant_id, id, lesson_id, title, pass_percent, reveal, completes_lesson, shuffles_options)
      SELECT $1::uuid, uuidv7(), id, 'q', 50, 'never', true, true
      FROM {schema}.lesson WHERE tenant_id = $1""",
    "quiz_question": """INSERT INTO {schema}.quiz_question
        (tenant_id, id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true,
         accepted_texts)
      SELECT $1::uuid, uuidv7(), id, n, 'true_false', '?', 1, '{}', '{}', true, '{}'
      FROM {schema}.quiz, generate_series(0, 1) AS n WHERE tenant_id = $1""",
    "quiz_attempt": """INSERT INTO {schema}.quiz_attempt
        (tenant_id, id, quiz_id, enrollment_id, number, started_at, pass_percent, points, questions)
      SELECT $1::uuid, uuidv7(), q.id, e.id, 1, now(), 50, 10, '[]' FROM {schema}.enrollment e
      JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.course_id = e.course_id AND l.position = 1
      JOIN {schema}.quiz q ON q.tenant_id = $1 AND q.lesson_id = l.id
      WHERE e.tenant_id = $1
        AND e.course_id = (SELECT c.id FROM {schema}.course c WHERE c.tenant_id = $1 LIMIT 1)""",
    "empty course": """INSERT INTO {schema}.course (tenant_id, id, code, slug, title, created_at, updated_at)
      SELECT $1::uuid, uuidv7(), n, n, 'c' || n, now() + n * interval '1 ms', now() + n * interval '1 ms'
      FROM generate_series(11, 2000) AS n""",
    "group": """INSERT INTO {schema}.user_group (tenant_id, id, name)
      SELECT $1::uuid, uuidv7(), n FROM generate_series(1, 2000) AS n""",
    "group_path": """INSERT INTO {schema}.user_group_path (tenant_id, ancestor_id, descendant_id, distance)
      SELECT $1::uuid, id, id, 0 FROM {schema}.user_group WHERE tenant_id = $1""",
    "group_member": """INSERT INTO {schema}.user_group_member (tenant_id, group_id, user_id)
      SELECT $1::uuid, g.id, u.id FROM
        (SELECT id, row_number() OVER () % 400 AS n FROM {schema}."user" WHERE tenant_id = $1) AS u
        JOIN (SELECT id, row_number() OVER () % 400 AS n FROM {schema}.user_group
          WHERE tenant_id = $1) AS g USING (n)""",
    "scope": """INSERT INTO {schema}.user_scope (tenant_id, group_id, user_id)
      SELECT $1::uuid, group_id, user_id FROM {schema}.user_group_member WHERE tenant_id = $1
      ORDER BY user_id LIMIT 2000""",
    "file": """INSERT INTO {schema}.file
        (tenant_id, id, user_id, name, size, media_type, status, expires_at, created_at)
      SELECT $1::uuid, uuidv7(), id, 'f', 1, 'text/plain',
        CASE WHEN email LIKE '1%' THEN 'pending' ELSE 'ready' END, created_at, created_at
      FROM {schema}."user" WHERE tenant_id = $1""",
    "path": """INSERT INTO {schema}.learning_path (tenant_id, id, title, status)
      SELECT $1::uuid, uuidv7(), n, 'published' FROM generate_series(1, 10) AS n""",
    "path_course": """INSERT INTO {schema}.learning_path_course (tenant_id, path_id, course_id, position)
      SELECT $1::uuid, p.id, c.id, 0 FROM {schema}.learning_path p, {schema}.course c
      WHERE p.tenant_id = $1 AND c.tenant_id = $1 AND c.status = 'published'""",
    "path_enrollment": """INSERT INTO {schema}.learning_path_enrollment (tenant_id, id, path_id, user_id)
      SELECT $1::uuid, uuidv7(), p.id, u.id FROM {schema}.learning_path p, {schema}."user" u
      WHERE p.tenant_id = $1 AND u.tenant_id = $1""",
    "session": """INSERT INTO {schema}.session (tenant_id, id, user_id, kind, expires_at, ends_at, created_at)
      SELECT $1::uuid, uuidv7(), id, 'app', now() + interval '1 day', now() + interval '1 day', created_at
      FROM {schema}."user", generate_series(1, 3) WHERE tenant_id = $1""",
    "password": """INSERT INTO {schema}.password (tenant_id, user_id, hash)
      SELECT $1::uuid, id, repeat('x', 90) FROM {schema}."user" WHERE tenant_id = $1""",
    "job": """INSERT INTO {schema}.job (tenant_id, id, type, state)
      SELECT $1::uuid, uuidv7(), 't', CASE WHEN n % 100 = 0 THEN 'queued' ELSE 'done' END
      FROM generate_series(1, 5000) AS n""",
}


@pytest.fixture(scope="module")
async def crowd(parts: Parts, academy_settings: Settings) -> AsyncIterator[Academy]:
    """A tenant with 20,000 enrollments beside another like it."""
    academies = [founded(parts), founded(parts)]
    async with connected(admin_url(academy_settings)) as connection:
        for name, text in SEED.items():
            for academy in academies:
                async with academy.work() as work:
                    await work.session.execute(Statement(f"seed.{name}", text))
            # what checks the keys of the next rows keeps the plan it made when these tables were empty
            for table in CROWDED:
                await connection.execute(f"ANALYZE {SCHEMA}.{table}")
        for table in CROWDED:
            await connection.execute(f"VACUUM ANALYZE {SCHEMA}.{table}")
    yield academies[0]
    for academy in academies:
        async with academy.work() as work:
            for table in (
                *("file", "user_scope", "user_group", "job", "lesson_progress"),
                *("learning_path_enrollment", "learning_path", "enrollment", "course", '"user"'),
            ):
                text = f"DELETE FROM {{schema}}.{table} WHERE tenant_id = $1"  # noqa: S608 - a constant
                await work.session.execute(Statement("clear", text))


STATEMENTS = (
    user.FIND_BY_IDS,
    user.FIND_BY_EMAILS,
    user.FIND_ACTING,
    user.FIND_VISIBLE,
    user.STATUSES,
    user.LOCK,
    user.LOCK_MANY,
    user.UPDATE_MANY,
    user.COUNT_OF_MANAGER,
    *statements_of(user.PAGES_OF_MANAGER),
    user.COUNT_OF_GROUP,
    *statements_of(user.PAGES_OF_GROUP),
    course.FIND_VISIBLE,
    tag.OF_COURSES,
    course.FIND_VISIBLE_BY_CODES,
    module.FIND_BY_COURSES,
    module.FIND_ALL_BY_COURSES,
    module.FIND_VISIBLE,
    module.DELETE,
    lesson.FIND_BY_COURSES,
    lesson.FIND_BY_MODULES,
    lesson.FIND_ALL_BY_MODULES,
    lesson.FIND_IN_MODULES_OF,
    lesson.FIND_ALL_IN_MODULES_OF,
    lesson.FIND_VISIBLE,
    lesson.DELETE,
    lesson.TAKEN_BY,
    enrollment.FIND_VISIBLE,
    *statements_of(enrollment_list.PAGES_OF_USER),
    *statements_of(enrollment_list.PAGES_OF_COURSE),
    *statements_of(enrollment_list.PAGES_OF_MANAGER),
    *statements_of(enrollment_list.FIRST_OF_USERS),
    *statements_of(enrollment_list.FIRST_OF_COURSES),
    *statements_of(enrollment_list.OF_USER_IN_COURSES),
    enrollment_list.COUNT_OF_MANAGER,
    enrollment_list.COUNT_OF_USERS,
    enrollment_list.COUNT_OF_COURSES,
    enrollment.LOCK,
    enrollment.SEATS_TAKEN,
    enrollment.UPDATE,
    enrollment.WITHDRAW_MANY,
    file.FIND_BY_IDS,
    *statements_of(file.PAGES_OF_USER),
    file.COUNT_PENDING,
    file.LOCK,
    file.COMPLETE,
    file.DELETE,
    file.DELETE_ABANDONED,
    file.HANDED_IN,
    submission.FIND_VISIBLE,
    submission.FIND_BY_ENROLLMENTS,
    submission.OF_USER,
    submission.PAGE,
    group.FIND_BY_IDS,
    group.PAGE,
    group.NEXT_OF_PARENTS,
    group.COUNT_OF_PARENTS,
    group.MANAGED,
    group.LOCK,
    group.PLACE,
    group.UPDATE,
    group.DELETE,
    group.DETACH,
    group.ATTACH,
    group_member.NEXT_OF_GROUPS,
    group_member.NEXT_OF_USERS,
    group_member.COUNT_OF_GROUPS,
    group_member.COUNT_OF_USERS,
    group_member.DELETE_MANY,
    group_manager.NEXT_OF_GROUPS,
    group_manager.NEXT_OF_USERS,
    group_manager.COUNT_OF_GROUPS,
    group_manager.COUNT_OF_USERS,
    group_manager.DELETE,
    path_enrollment.FIND_VISIBLE,
    path_enrollment.PAGE,
    path_enrollment.PAGE_OF_USER,
    path_enrollment.PAGE_OF_PATH,
    path_enrollment.PAGE_OF_MANAGER,
    path_enrollment.COUNT_OF_MANAGER,
    path_enrollment.FIRST_OF_USERS,
    path_enrollment.FIRST_OF_PATHS,
    path_enrollment.OF_USER_ON_PATHS,
    path_enrollment.COUNT_OF_USERS,
    path_enrollment.COUNT_OF_PATHS,
    certificate.ISSUE_OF_PATHS,
    path_enrollment.LOCK_OF_COMPLETED,
    path_enrollment.LOCK_OF_PATH,
    path_enrollment.RECALCULATE,
    path_enrollment.UNLOCKED,
    progress.FIND_VISIBLE,
    progress.FIND_BY_ENROLLMENTS,
    progress.FIND_ONE,
    progress.LOCK_TARGET,
    progress.RECALCULATE,
    unlock.GUARDS,
    unlock.LOCKS_OF_USER,
    completion.FIND_VISIBLE,
    completion.FIND_BY_ENROLLMENTS,
    certificate.ISSUE_MANY,
    certificate.FIND_VISIBLE,
    certificate.FIND_BY_SERIAL,
    certificate.FIRST_OF_USERS,
    quiz.FIND_BY_IDS,
    quiz.FIND_BY_LESSONS,
    quiz_question.FIND_BY_QUIZZES,
    quiz_attempt.FIND_VISIBLE,
    quiz_attempt.PAGE_OF_ENROLLMENT,
    quiz_attempt.FIRST_OF_ENROLLMENTS,
    quiz_attempt.COUNT_OF_ENROLLMENTS,
    quiz_attempt.PAGE_OF_QUIZ,
    quiz_attempt.FIRST_OF_QUIZZES,
    quiz_attempt.COUNT_OF_QUIZZES,
    quiz_attempt.BEST_OF_ENROLLMENTS,
    quiz_attempt.SHEETS,
    quiz_attempt.LATEST,
    quiz_attempt.SUBMISSION,
    quiz_attempt.GRADE,
    invitation.FIND_BY_IDS,
    invitation.PAGE,
    invitation.GROUPS_OF,
    invitation.REPLACE,
    invitation.LOCK_BY_TOKEN,
    invitation.JOIN_GROUPS,
    invitation.REVOKE,
    job.CANCEL,
    job.DELETE_ENDED,
    job.FIND_BY_IDS,
    job.HOLD_WAITING,
    session.FIND_BY_IDS,
    session.PAGE,
    session.COUNT,
    session.HOLD,
    session.REVOKE,
    session.REVOKE_OTHERS,
    session.LIVE,
    session.TOUCH,
    session.DELETE_OLD,
    password.FIND_BY_EMAIL,
    password.FIND_BY_USER,
    password.SET,
    password.REHASH,
    job.INSERT_UNLESS_RECENT,
    job.PLACES,
    job.RETRY,
    job_run.BEAT,
    job_run.CLAIM,
    job_run.DEFER,
    job_run.FAIL,
    job_run.FINISH,
    job_run.OUTLOOK,
    rollup.READ,
    course_analytics.FUNNEL,
    course_analytics.LESSONS,
    search.SPELLED_LIKE,
    search.FIND_BEST,
)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
async def test_no_large_table_is_read_from_end_to_end(
    crowd: Academy, academy_settings: Settings, statement: Statement
) -> None:
    async with prepared(academy_settings, crowd, statement) as connection:
        nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement.text))))
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it ({nothing})")

    read = [node for node in nodes(plan) if node.get("Relation Name") in BIG and "Scan" in node["Node Type"]]
    # by the tenant alone an index is read from end to end, like the table
    whole = [
        node["Node Type"]
        for node in read
        if node.get("Index Cond", "(tenant_id = $1)") == "(tenant_id = $1)"
        and node["Node Type"] != "Bitmap Heap Scan"
        and node.get("Index Name") not in PARTIAL
    ]
    assert whole == [], plan


async def test_a_page_reads_no_more_than_it_shows(crowd: Academy, academy_settings: Settings) -> None:
    some = await any_enrollment(crowd)
    statement = enrollment_list.PAGES_OF_COURSE[OLDEST_FIRST].first
    async with prepared(academy_settings, crowd, statement) as connection:
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ('{crowd.organization.id}', NULL, NULL,"
            f" '{some.course_id}', {', '.join(['NULL'] * 8)}, 20)"
        )

    assert rows_read(plan) == {"enrollment": 20}


ORDERS = [
    pytest.param(table, noun, pages, order, id=f"{table}.{order.by}.{order.direction}")
    for table, noun, pages in (
        ("user", user.User, user.PAGES),
        ("course", course.Course, course.PAGES),
        ("enrollment", enrollment.Enrollment, enrollment_list.PAGES),
        ("file", file.File, file.PAGES),
    )
    for order in pages
    # what has no index on purpose
    if (table, order.by) != ("enrollment", "progress")
]


@pytest.mark.parametrize(("table", "noun", "pages", "order"), ORDERS)
async def test_a_page_reads_no_more_than_it_shows_in_any_order(
    crowd: Academy,
    academy_settings: Settings,
    table: str,
    noun: Any,
    pages: dict[Order, Pages],
    order: Order,
) -> None:
    # of courses: everything is visible, to nobody in particular
    before = {
        "user": ", ".join(["NULL"] * 6),
        "course": "true, NULL, NULL, NULL, NULL, NULL",
        "enrollment": ", ".join(["NULL"] * 11),
        "file": "NULL, NULL, NULL, false",
    }
    asked = f"'{crowd.organization.id}', {before[table]}, 20"
    fields = noun.__struct_fields__
    async with prepared(academy_settings, crowd, pages[order].first) as connection:
        execute = f"EXECUTE it ({asked})"
        rows = await connection.fetch(execute)
        first = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}")
    position = position_of(noun(**dict(zip(fields, rows[-1].values(), strict=True))), order)
    async with prepared(academy_settings, crowd, pages[order].after) as connection:
        execute = f"EXECUTE it ({asked}, '{position[0]}', '{position[1]}')"
        after = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}")

    assert len(rows) == 20
    for plan in (first, after):
        # one more where the index does not know that its keys are unique
        assert rows_read(plan)[table] <= 22, plan


async def test_progress_is_worked_out_from_the_rows_of_its_enrollment(
    crowd: Academy, academy_settings: Settings
) -> None:
    some = await any_enrollment(crowd)
    async with prepared(academy_settings, crowd, progress.RECALCULATE) as connection:
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ('{crowd.organization.id}', '{{{some.id}}}')"
        )

    # once to be measured, once to be written; there are few courses
    assert rows_read(plan) - Counter(course=100) == {"enrollment": 2, "lesson": 100, "lesson_progress": 2}


@pytest.mark.parametrize(
    "statement", [module.FIND_BY_COURSES, lesson.FIND_IN_MODULES_OF], ids=["modules", "lessons"]
)
async def test_an_outline_is_not_joined_to_its_courses(
    crowd: Academy, academy_settings: Settings, statement: Statement
) -> None:
    """Of small tenants among many each course would be looked up for each of its lessons."""
    async with prepared(academy_settings, crowd, statement) as connection:
        plan = await connection.fetchval("EXPLAIN (FORMAT JSON) EXECUTE it (NULL, NULL, NULL, NULL)")

    assert not {"Nested Loop", "Hash Join", "Merge Join"} & {node["Node Type"] for node in nodes(plan)}, plan


SOME_MANAGER = Statement(
    "test.some_manager",
    "SELECT user_id FROM {schema}.user_scope WHERE tenant_id = $1 ORDER BY user_id LIMIT 1",
)


async def test_what_a_manager_of_groups_sees_is_read_from_their_people_on(
    crowd: Academy, academy_settings: Settings
) -> None:
    async with crowd.work(read_only=True) as work:
        manager = await work.session.fetch_value(SOME_MANAGER)
    tenant = f"'{crowd.organization.id}'"
    read = []
    for statement, asked in (
        (
            user.PAGES_OF_MANAGER[OLDEST_FIRST].first,
            f"{tenant}, {', '.join(['NULL'] * 6)}, 20, '{manager}'",
        ),
        (user.COUNT_OF_MANAGER, f"{tenant}, {', '.join(['NULL'] * 6)}, '{manager}'"),
        (
            enrollment_list.PAGES_OF_MANAGER[OLDEST_FIRST].first,
            f"{tenant}, {', '.join(['NULL'] * 11)}, 20, '{manager}'",
        ),
        (enrollment_list.COUNT_OF_MANAGER, f"{tenant}, {', '.join(['NULL'] * 11)}, '{manager}'"),
    ):
        async with prepared(academy_settings, crowd, statement) as connection:
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")
        read.append(rows_read(plan))

    # five people in each group, ten enrollments of each
    assert [(each["user"], each["enrollment"]) for each in read] == [(5, 0), (5, 0), (0, 50), (0, 50)]


async def any_enrollment(academy: Academy) -> enrollment.Enrollment:
    async with academy.work(read_only=True) as work:
        (some,) = await enrollment_list.list_page(work.session, Scope(everything=True), after=None, first=1)
        return some


@asynccontextmanager
async def prepared(
    settings: Settings, academy: Academy, statement: Statement
) -> AsyncIterator[asyncpg.Connection]:
    """The statement as `it`, with the plan that the pool's connections keep: made for whatever is asked."""
    url = settings.app_database_url
    assert url is not None
    async with connected(url) as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"SET LOCAL app.current_tenant = '{academy.organization.id}'")
        await connection.execute(f"PREPARE it AS {statement.in_schema(academy.organization.schema)}")
        yield connection


def nodes(plan: str) -> Iterator[dict[str, Any]]:
    waiting = [json.loads(plan)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])


def rows_read(plan: str) -> Counter[str]:
    """By table, with those that a filter then leaves out."""
    read: Counter[str] = Counter()
    for node in nodes(plan):
        if node["Node Type"].endswith("Scan") and "Relation Name" in node:
            left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read[node["Relation Name"]] += round((node["Actual Rows"] + left_out) * node["Actual Loops"])
    return read
