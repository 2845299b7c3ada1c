-- An index for each order of enrollments by a moment. None for progress: it would turn every write of progress,
-- which today changes no index, into a write of all of them. By CASE: COALESCE is not leakproof to PostgreSQL, and
-- under row-level security no condition of an index then.

-- migrate:up
CREATE INDEX enrollment_enrolled_page ON enrollment (tenant_id, enrolled_at, id);
CREATE INDEX enrollment_due_page ON enrollment
  (tenant_id, (CASE WHEN due_at IS NULL THEN '9999-01-01 00:00:00+00'::timestamptz ELSE due_at END), id);
CREATE INDEX enrollment_completed_page ON enrollment
  (tenant_id, (CASE WHEN completed_at IS NULL THEN '0002-01-01 00:00:00+00'::timestamptz ELSE completed_at END), id);

-- migrate:down
DROP INDEX enrollment_enrolled_page, enrollment_due_page, enrollment_completed_page;
