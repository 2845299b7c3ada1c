-- Where what has happened is told, and what became of each telling.
--
-- An endpoint has read the events up to (cursor_xid, cursor_id), which move in the transaction that puts in the
-- deliveries: none is lost and none is made twice, whoever dies. `actor_kind` to `scopes`: for whom its document
-- is executed, as of auth.delegation. `secret`, `old_secret`: sealed by crypto.envelope.

-- migrate:up
CREATE TABLE webhook_endpoint (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  description text NOT NULL CHECK (length(description) <= 200),
  types text[] NOT NULL CHECK (cardinality(types) <= 100),
  document text NOT NULL CHECK (length(document) BETWEEN 1 AND 10000),
  actor_kind text NOT NULL CHECK (length(actor_kind) BETWEEN 1 AND 40),
  actor_id uuid,
  actor_name text NOT NULL CHECK (length(actor_name) <= 200),
  user_id uuid,
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 100),
  secret bytea NOT NULL CHECK (length(secret) <= 200),
  old_secret bytea CHECK (length(old_secret) <= 200),
  old_secret_until timestamptz,
  paused_at timestamptz,
  pause_reason text CHECK (length(pause_reason) BETWEEN 1 AND 40),
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  rest_until timestamptz,
  last_delivered_at timestamptz,
  last_failed_at timestamptz,
  cursor_xid bigint NOT NULL,
  cursor_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id),
  CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
  CHECK ((paused_at IS NULL) = (pause_reason IS NULL))
);
CREATE INDEX webhook_endpoint_page ON webhook_endpoint (tenant_id, created_at, id);
CREATE INDEX webhook_endpoint_user ON webhook_endpoint (tenant_id, user_id);

-- `event_id`: of the event, which may be forgotten by now; NULL for a test. `leased_until`: somebody sends it now.
CREATE TABLE webhook_delivery (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid,
  event_type text NOT NULL CHECK (length(event_type) BETWEEN 1 AND 100),
  subject_id uuid,
  happened_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts integer NOT NULL DEFAULT 0,
  response_code integer,
  error text CHECK (length(error) <= 500),
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  give_up_at timestamptz NOT NULL,
  leased_until timestamptz,
  last_attempt_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoint (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_delivery_page ON webhook_delivery (tenant_id, endpoint_id, created_at, id);
CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant_id, endpoint_id, next_attempt_at, id)
  WHERE state = 'pending';
CREATE INDEX webhook_delivery_leased ON webhook_delivery (tenant_id, endpoint_id)
  WHERE leased_until IS NOT NULL;
CREATE INDEX webhook_delivery_ended ON webhook_delivery (tenant_id, finished_at) WHERE state <> 'pending';

ALTER TABLE webhook_endpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_endpoint
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_delivery
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE webhook_delivery;
DROP TABLE webhook_endpoint;
