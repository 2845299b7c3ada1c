-- Queries that a job runs over all that a list has, into a file.
--
-- cursor: where the last part that is in the file store ended, null at the beginning; parts: the names of those parts.
-- Both are written together once a part is there, so whoever goes on, after whatever, goes on there.

-- migrate:up
CREATE TABLE bulk_operation (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  query text NOT NULL CHECK (length(query) <= 100000),
  variables text NOT NULL CHECK (length(variables) <= 100000),
  document text NOT NULL,
  scopes text NOT NULL,
  actor_id uuid,
  job_id uuid NOT NULL,
  cursor text,
  all_read boolean NOT NULL DEFAULT false,
  parts text[] NOT NULL DEFAULT '{}',
  objects integer NOT NULL DEFAULT 0 CHECK (objects >= 0),
  bytes integer NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  room integer NOT NULL DEFAULT 0 CHECK (room >= 0),
  outcome text CHECK (outcome IN ('done', 'failed', 'cancelled')),
  error_code text CHECK (error_code ~ '^[A-Z][A-Z_]{0,63}$'),
  error text CHECK (length(error) <= 500),
  finished_at timestamptz CHECK ((finished_at IS NULL) = (outcome IS NULL)),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX bulk_operation_page ON bulk_operation (tenant_id, created_at, id);

ALTER TABLE bulk_operation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bulk_operation
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE bulk_operation;
