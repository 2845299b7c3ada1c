-- Courses that people enroll themselves in; lesson progress says how often it changed.

-- migrate:up
ALTER TABLE course ADD COLUMN self_enrollment boolean NOT NULL DEFAULT false;
ALTER TABLE lesson_progress ADD COLUMN version integer NOT NULL DEFAULT 1;

-- migrate:down
ALTER TABLE lesson_progress DROP COLUMN version;
ALTER TABLE course DROP COLUMN self_enrollment;
