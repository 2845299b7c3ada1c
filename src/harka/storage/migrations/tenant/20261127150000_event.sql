-- What has happened, in the order in which readers may rely on.
--
-- `xid` is the transaction that wrote the event. Ids and clocks are handed out before a commit, so neither tells
-- what a reader has seen already; of transactions older than every one still under way nothing more will come.

-- migrate:up
CREATE TABLE event (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
  type text NOT NULL CHECK (type ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
  subject_id uuid NOT NULL,
  actor_kind text NOT NULL CHECK (length(actor_kind) BETWEEN 1 AND 40),
  actor_id uuid,
  user_id uuid,
  course_id uuid,
  fields text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX event_line ON event (tenant_id, xid, id);

ALTER TABLE event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE event;
