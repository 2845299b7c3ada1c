-- Completions of courses in which nothing was marked said 100, since least() passes over NULL.

-- migrate:up
-- the owner of tables is held to their policies, except where they are not forced
ALTER TABLE completion NO FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollment NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson_progress NO FORCE ROW LEVEL SECURITY;
-- worked out from progress: at the moment of the last that happened, or when the enrollment began; who decides
-- that somebody has completed a course names a moment of their own, and may well say 100
UPDATE completion k SET score = NULL
  FROM enrollment e
  WHERE e.tenant_id = k.tenant_id AND e.id = k.enrollment_id AND k.score = 100
    AND NOT EXISTS (SELECT FROM lesson_progress p
      WHERE p.tenant_id = k.tenant_id AND p.enrollment_id = k.enrollment_id AND p.score IS NOT NULL)
    AND (k.completed_at = e.enrolled_at OR EXISTS (SELECT FROM lesson_progress p
      WHERE p.tenant_id = k.tenant_id AND p.enrollment_id = k.enrollment_id
        AND p.occurred_at = k.completed_at));
ALTER TABLE completion FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollment FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson_progress FORCE ROW LEVEL SECURITY;

-- migrate:down
-- the marks that were wrong are not made wrong again
SELECT 1;
