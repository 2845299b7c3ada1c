from uuid import UUID

from harka.storage.session import ShardSession
from harka.storage.statement import Statement

# What a course is made of, once more for another course: one snapshot, in one statement however much it is.
# The keys between the copies are checked when all of them are there.
COPY = Statement(
    "course_clone.copy",
    """WITH module_copy AS MATERIALIZED (
      SELECT m.id AS old, uuidv7() AS new, m.position, m.title
      FROM {schema}.module m WHERE m.tenant_id = $1 AND m.course_id = $2::uuid
    ), lesson_copy AS MATERIALIZED (
      SELECT l.id AS old, uuidv7() AS new, l.module_id, l.position, l.title, l.kind,
        l.duration_minutes, l.weight, l.required
      FROM {schema}.lesson l WHERE l.tenant_id = $1 AND l.course_id = $2::uuid
    ), modules AS (
      INSERT INTO {schema}.module (tenant_id, id, course_id, position, title)
      SELECT $1::uuid, new, $3::uuid, position, title FROM module_copy
    ), unlocks AS (
      INSERT INTO {schema}.module_unlock (tenant_id, course_id, module_id, opens_at, opens_after_days)
      SELECT $1::uuid, $3::uuid, m.new, u.opens_at, u.opens_after_days
      FROM module_copy m JOIN {schema}.module_unlock u ON u.tenant_id = $1 AND u.module_id = m.old
    ), prerequisites AS (
      INSERT INTO {schema}.module_prerequisite (tenant_id, course_id, module_id, required_id)
      SELECT $1::uuid, $3::uuid, m.new, r.new
      FROM module_copy m JOIN {schema}.module_prerequisite q ON q.tenant_id = $1 AND q.module_id = m.old
      JOIN module_copy r ON r.old = q.required_id
    ), tags AS (
      INSERT INTO {schema}.course_tag (tenant_id, course_id, tag_id)
      SELECT $1::uuid, $3::uuid, t.tag_id
      FROM {schema}.course_tag t WHERE t.tenant_id = $1 AND t.course_id = $2::uuid
    ), lessons AS (
      INSERT INTO {schema}.lesson
        (tenant_id, id, course_id, module_id, position, title, kind, duration_minutes, weight,
         required)
      SELECT $1::uuid, l.new, $3::uuid, m.new, l.position, l.title, l.kind, l.duration_minutes, l.weight,
        l.required
      FROM lesson_copy l JOIN module_copy m ON m.old = l.module_id
    ), assignments AS (
      INSERT INTO {schema}.assignment
        (tenant_id, id, lesson_id, title, instructions, due_at, points, accepts, pass_percent,
         completes_lesson)
      SELECT $1::uuid, uuidv7(), l.new, a.title, a.instructions, a.due_at, a.points, a.accepts,
        a.pass_percent, a.completes_lesson
      FROM lesson_copy l JOIN {schema}.assignment a ON a.tenant_id = $1 AND a.lesson_id = l.old
    ), quiz_copy AS MATERIALIZED (
      SELECT q.id AS old, uuidv7() AS new, l.new AS lesson_id, q.title, q.description, q.time_limit_seconds,
        q.allowed_attempts, q.pass_percent, q.reveal, q.completes_lesson, q.shuffles_options
      FROM lesson_copy l JOIN {schema}.quiz q ON q.tenant_id = $1 AND q.lesson_id = l.old
    ), quizzes AS (
      INSERT INTO {schema}.quiz
        (tenant_id, id, lesson_id, title, description, time_limit_seconds, allowed_attempts, pass_percent,
         reveal, completes_lesson, shuffles_options)
      SELECT $1::uuid, new, lesson_id, title, description, time_limit_seconds, allowed_attempts, pass_percent,
        reveal, completes_lesson, shuffles_options
      FROM quiz_copy
    ), questions AS (
      INSERT INTO {schema}.quiz_question
        (tenant_id, id, quiz_id, position, kind, prompt, points, options, correct_choices, is_true,
         correct_number, tolerance, accepted_texts)
      SELECT $1::uuid, uuidv7(), q.new, n.position, n.kind, n.prompt, n.points, n.options, n.correct_choices,
        n.is_true, n.correct_number, n.tolerance, n.accepted_texts
      FROM quiz_copy q JOIN {schema}.quiz_question n ON n.tenant_id = $1 AND n.quiz_id = q.old
    )
    INSERT INTO {schema}.content_item
      (tenant_id, id, lesson_id, position, kind, title, text, url, file_id, duration_seconds, quiz_id)
    SELECT $1::uuid, uuidv7(), l.new, i.position, i.kind, i.title, i.text, i.url, i.file_id,
      i.duration_seconds, q.new
    FROM lesson_copy l JOIN {schema}.content_item i ON i.tenant_id = $1 AND i.lesson_id = l.old
    LEFT JOIN quiz_copy q ON q.old = i.quiz_id""",
)


async def copy(session: ShardSession, source: UUID, target: UUID) -> None:
    """What a course is made of, for another that has nothing yet.

    Tags, and modules with their rules, lessons, content, quizzes and assignments.
    """
    await session.execute(COPY, source, target)
