-- Changes to very many people that a job makes in parts, and what became of each.
--
-- done: how many entries are dealt with, counted in the transaction that deals with them: whoever goes on, after
-- whatever, goes on there. The entries themselves are the job's sealed payload.

-- migrate:up
CREATE TABLE bulk_change (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('enroll', 'users')),
  course_id uuid CHECK ((course_id IS NOT NULL) = (kind = 'enroll')),
  on_error text NOT NULL CHECK (on_error ~ '^[a-z][a-z_]{0,31}$'),
  dry_run boolean NOT NULL,
  actor_id uuid,
  job_id uuid NOT NULL,
  total integer NOT NULL CHECK (total >= 0),
  done integer NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
  created integer NOT NULL DEFAULT 0,
  existing integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  outcome text CHECK (outcome IN ('done', 'rejected', 'failed')),
  error text CHECK (length(error) <= 500),
  finished_at timestamptz CHECK ((finished_at IS NULL) = (outcome IS NULL)),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id)
);
CREATE INDEX bulk_change_page ON bulk_change (tenant_id, created_at, id);

CREATE TABLE bulk_result (
  tenant_id uuid NOT NULL,
  change_id uuid NOT NULL,
  number integer NOT NULL CHECK (number >= 0),
  user_id uuid,
  enrollment_id uuid,
  created boolean NOT NULL,
  error_code text CHECK (error_code ~ '^[A-Z][A-Z_]{0,63}$'),
  error_message text CHECK (length(error_message) <= 500),
  error_field text CHECK (length(error_field) <= 100),
  PRIMARY KEY (tenant_id, change_id, number),
  FOREIGN KEY (tenant_id, change_id) REFERENCES bulk_change (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE bulk_change ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE bulk_result ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bulk_change
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON bulk_result
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE bulk_result, bulk_change;
