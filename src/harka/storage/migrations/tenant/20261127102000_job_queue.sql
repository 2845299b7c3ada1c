-- Jobs in lanes by type and urgency, with progress, cancellation, keys against doubles, and times of their own.
--
-- lane: a claim looks at the beginning of each lane, so jobs of a type that may not run now, or that are for
-- later, cost it nothing however many they are. queue: a job's place among all that wait.

-- migrate:up
ALTER TABLE job
  DROP CONSTRAINT job_state_check,
  ADD CONSTRAINT job_state_check CHECK (state IN ('queued', 'running', 'done', 'dead', 'cancelled')),
  ALTER COLUMN max_attempts SET DEFAULT 3,
  -- what a payload holds of people, by crypto.envelope; payload is empty then
  ADD COLUMN sealed bytea CHECK (length(sealed) <= 8388608),
  ADD COLUMN dedupe_key text CHECK (length(dedupe_key) BETWEEN 1 AND 200),
  ADD COLUMN cron text CHECK (length(cron) BETWEEN 1 AND 100),
  ADD COLUMN cancelling boolean NOT NULL DEFAULT false,
  ADD COLUMN done integer CHECK (done >= 0),
  ADD COLUMN total integer CHECK (total >= 0),
  ADD COLUMN message text CHECK (length(message) <= 500),
  ADD COLUMN started_at timestamptz,
  ADD COLUMN version integer NOT NULL DEFAULT 1;

-- the owner of tables is held to their policies, except where they are not forced
ALTER TABLE job NO FORCE ROW LEVEL SECURITY;
UPDATE job SET priority = sign(priority)::integer WHERE priority NOT BETWEEN -1 AND 1;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
ALTER TABLE job ADD CONSTRAINT job_priority_check CHECK (priority BETWEEN -1 AND 1);

CREATE INDEX job_lane ON job (tenant_id, type, priority, run_at, id) WHERE state = 'queued';
CREATE INDEX job_finished ON job (tenant_id, finished_at) WHERE state IN ('done', 'cancelled');
CREATE INDEX job_page ON job (tenant_id, created_at, id);
-- of jobs that nobody has begun: one that is tried again has its first attempt behind it
CREATE UNIQUE INDEX job_dedupe ON job (tenant_id, type, dedupe_key)
  WHERE dedupe_key IS NOT NULL AND state = 'queued' AND attempts = 0;

-- until when a tenant's jobs have used up what its plan allows a second
CREATE TABLE job_pace (
  tenant_id uuid NOT NULL PRIMARY KEY,
  ready_at timestamptz NOT NULL
);
ALTER TABLE job_pace ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON job_pace
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE job_pace;
DROP INDEX job_dedupe, job_page, job_finished, job_lane;
ALTER TABLE job NO FORCE ROW LEVEL SECURITY;
DELETE FROM job WHERE state = 'cancelled';
ALTER TABLE job FORCE ROW LEVEL SECURITY;
ALTER TABLE job
  DROP CONSTRAINT job_priority_check,
  DROP COLUMN version,
  DROP COLUMN started_at,
  DROP COLUMN message,
  DROP COLUMN total,
  DROP COLUMN done,
  DROP COLUMN cancelling,
  DROP COLUMN cron,
  DROP COLUMN dedupe_key,
  DROP COLUMN sealed,
  ALTER COLUMN max_attempts SET DEFAULT 5,
  DROP CONSTRAINT job_state_check,
  ADD CONSTRAINT job_state_check CHECK (state IN ('queued', 'running', 'done', 'dead'));
