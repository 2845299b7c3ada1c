-- Assignments that finish their lesson, once they are passed.

-- migrate:up
ALTER TABLE assignment
  ADD COLUMN pass_percent integer NOT NULL DEFAULT 50 CHECK (pass_percent BETWEEN 0 AND 100),
  ADD COLUMN completes_lesson boolean NOT NULL DEFAULT false;
-- a lesson is finished by one assignment at the most; asked whenever progress is written
CREATE UNIQUE INDEX assignment_completes_lesson ON assignment (tenant_id, lesson_id) WHERE completes_lesson;
ALTER TABLE submission ADD COLUMN passed boolean;
UPDATE submission s SET passed = s.score * 100 >= a.points * a.pass_percent
  FROM assignment a WHERE a.tenant_id = s.tenant_id AND a.id = s.assignment_id AND s.graded_at IS NOT NULL;
ALTER TABLE submission ADD CHECK ((passed IS NULL) = (graded_at IS NULL));

-- migrate:down
ALTER TABLE submission DROP COLUMN passed;
ALTER TABLE assignment DROP COLUMN pass_percent, DROP COLUMN completes_lesson;
