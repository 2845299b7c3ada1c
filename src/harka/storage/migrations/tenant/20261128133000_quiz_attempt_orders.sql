-- An index for each order of the attempts at a quiz, of which there may be any number; those of an enrollment
-- are few. By CASE: COALESCE is not leakproof to PostgreSQL, and under row-level security no condition of an
-- index then. Both keys change once, when the attempt is submitted.

-- migrate:up
CREATE INDEX quiz_attempt_submitted_page ON quiz_attempt (tenant_id, quiz_id,
  (CASE WHEN submitted_at IS NULL THEN '0002-01-01 00:00:00+00'::timestamptz ELSE submitted_at END), id);
CREATE INDEX quiz_attempt_percent_page ON quiz_attempt (tenant_id, quiz_id,
  (CASE WHEN percent IS NULL THEN '-1'::double precision ELSE percent END), id);

-- migrate:down
DROP INDEX quiz_attempt_submitted_page, quiz_attempt_percent_page;
