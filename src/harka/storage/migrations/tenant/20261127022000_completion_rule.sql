-- What completes a course, and lessons that somebody need not do.

-- migrate:up
ALTER TABLE course ADD COLUMN completion_percent integer NOT NULL DEFAULT 100
  CHECK (completion_percent BETWEEN 0 AND 100);
ALTER TABLE lesson ADD COLUMN required boolean NOT NULL DEFAULT false;
ALTER TABLE lesson_progress
  ADD COLUMN waived_at timestamptz,
  ADD COLUMN waived_by uuid,
  ADD COLUMN waive_reason text CHECK (length(waive_reason) BETWEEN 1 AND 500),
  ADD CHECK ((waived_at IS NULL) = (waive_reason IS NULL)),
  ADD CHECK (waived_by IS NULL OR waived_at IS NOT NULL),
  ADD FOREIGN KEY (tenant_id, waived_by) REFERENCES "user" (tenant_id, id);
-- without it, deleting a person reads all progress there is
CREATE INDEX lesson_progress_waived_by ON lesson_progress (tenant_id, waived_by) WHERE waived_by IS NOT NULL;

-- migrate:down
ALTER TABLE lesson_progress DROP COLUMN waived_at, DROP COLUMN waived_by, DROP COLUMN waive_reason;
ALTER TABLE lesson DROP COLUMN required;
ALTER TABLE course DROP COLUMN completion_percent;
