"""One tenant among a crowd of them, in tables as large as a plan has to bear."""

import pytest

from academy import SCHEMA, Academy, Parts, founded
from harka.config import Settings
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from harka.storage.statement import Statement

__all__ = ["crowd"]

_TENANTS = 4
CROWDED = (
    *('"user"', "user_group", "user_group_path", "user_group_member", "user_scope"),
    *("course", "module", "lesson", "enrollment", "lesson_progress", "job"),
    *("search_word", "search_spelling", "file"),
    *("learning_path", "learning_path_course", "learning_path_enrollment"),
    *("category", "tag", "custom_role", "certificate"),
    *("quiz", "quiz_question", "quiz_attempt"),
    *("session", "password", "event", "webhook_endpoint", "webhook_delivery", "scim_user"),
)
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
    "empty path": """INSERT INTO {schema}.learning_path (tenant_id, id, title, status, created_at, updated_at)
      SELECT $1::uuid, uuidv7(), 'p' || n, 'draft', now() + n * interval '1 ms', now() + n * interval '1 ms'
      FROM generate_series(1, 500) AS n""",
    "certificate": """INSERT INTO {schema}.certificate
        (tenant_id, id, user_id, course_id, enrollment_id, serial, holder_name, course_title, issued_at,
         expires_at, created_at)
      SELECT $1::uuid, uuidv7(), user_id, course_id, id, replace(gen_random_uuid()::text, '-', ''), 'h', 't',
        created_at,
        CASE WHEN extract(second FROM created_at)::int % 2 = 0 THEN created_at + interval '1 year' END,
        created_at
      FROM (SELECT * FROM {schema}.enrollment WHERE tenant_id = $1 ORDER BY id LIMIT 2000) AS taken""",
    "category": """INSERT INTO {schema}.category (tenant_id, id, name, created_at)
      SELECT $1::uuid, uuidv7(), 'c' || n, now() + n * interval '1 ms' FROM generate_series(1, 500) AS n""",
    "tag": """INSERT INTO {schema}.tag (tenant_id, id, name, created_at)
      SELECT $1::uuid, uuidv7(), 't' || n, now() + n * interval '1 ms' FROM generate_series(1, 500) AS n""",
    "role": """INSERT INTO {schema}.custom_role (tenant_id, id, name, permissions, created_at)
      SELECT $1::uuid, uuidv7(), 'r' || n, '{course:read}', now() + n * interval '1 ms'
      FROM generate_series(1, 500) AS n""",
    "scim_user": """INSERT INTO {schema}.scim_user
        (tenant_id, user_id, user_name, external_id, removed_version)
      SELECT $1::uuid, id, 'u' || email, id::text, CASE WHEN email LIKE '1%0@%' THEN 1 END
      FROM {schema}."user" WHERE tenant_id = $1""",
    "session": """INSERT INTO {schema}.session (tenant_id, id, user_id, kind, expires_at, ends_at, created_at)
      SELECT $1::uuid, uuidv7(), id, 'app', now() + interval '1 day', now() + interval '1 day', created_at
      FROM {schema}."user", generate_series(1, 3) WHERE tenant_id = $1""",
    "password": """INSERT INTO {schema}.password (tenant_id, user_id, hash)
      SELECT $1::uuid, id, repeat('x', 90) FROM {schema}."user" WHERE tenant_id = $1""",
    "job": """INSERT INTO {schema}.job (tenant_id, id, type, state)
      SELECT $1::uuid, uuidv7(), 't', CASE WHEN n % 100 = 0 THEN 'queued' ELSE 'done' END
      FROM generate_series(1, 5000) AS n""",
    "event": """INSERT INTO {schema}.event (tenant_id, id, type, subject_id, actor_kind)
      SELECT $1::uuid, uuidv7(), 'user.created', id, 'user' FROM {schema}."user", generate_series(1, 3)
      WHERE tenant_id = $1""",
    "webhook_endpoint": """INSERT INTO {schema}.webhook_endpoint
        (tenant_id, id, url, description, types, document, actor_kind, actor_name, scopes, secret,
         cursor_xid, cursor_id)
      SELECT $1::uuid, uuidv7(), 'https://example.com', '', '{}', '{ x }', 'operator', '', '{event:read}',
        '', 0, uuidv7() FROM generate_series(1, 20)""",
    "webhook_delivery": """INSERT INTO {schema}.webhook_delivery
        (tenant_id, id, endpoint_id, event_type, happened_at, state, give_up_at, finished_at, created_at)
      SELECT $1::uuid, uuidv7(), id, 'webhook.test', now(),
        CASE WHEN n % 50 = 0 THEN 'pending' ELSE 'delivered' END, now(),
        now() - n * interval '1 hour', now() - n * interval '1 hour'
      FROM {schema}.webhook_endpoint, generate_series(1, 250) AS n WHERE tenant_id = $1""",
}


@pytest.fixture(scope="session")
async def crowd(parts: Parts, academy_settings: Settings) -> Academy:
    """A tenant with 20,000 enrollments beside others like it, for who only looks; gone with the database."""
    # what is all of one of them is little of all: the planner decides for an index, not by chance
    academies = [founded(parts) for _ in range(_TENANTS)]
    async with connected(admin_url(academy_settings)) as connection:
        for name, text in SEED.items():
            for academy in academies:
                async with academy.work() as work:
                    await work.session.execute(Statement(f"seed.{name}", text))
            # what checks the keys of the next rows keeps the plan it made when these tables were empty
            filled = text.removeprefix("INSERT INTO {schema}.").split()[0]
            await connection.execute(f"ANALYZE {SCHEMA}.{filled}")
        for table in CROWDED:
            await connection.execute(f"VACUUM ANALYZE {SCHEMA}.{table}")
    return academies[0]
