-- A lesson that goes away takes the progress in it along: found by the lesson, not by reading all progress.

-- migrate:up
CREATE INDEX lesson_progress_lesson ON lesson_progress (tenant_id, lesson_id);

-- migrate:down
DROP INDEX lesson_progress_lesson;
