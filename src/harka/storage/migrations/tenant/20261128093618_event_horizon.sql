-- How far events are forgotten: of each type the last in the line that is gone. Whoever goes on from before it is told.
--
-- events_lost_at: since when something is gone that an endpoint was to be told, NULL for never and once it is replayed.

-- migrate:up
CREATE TABLE event_horizon (
  tenant_id uuid NOT NULL,
  type text NOT NULL CHECK (type ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
  xid bigint NOT NULL,
  id uuid NOT NULL,
  PRIMARY KEY (tenant_id, type)
);

ALTER TABLE event_horizon ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event_horizon
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

ALTER TABLE webhook_endpoint ADD COLUMN events_lost_at timestamptz;

-- migrate:down
ALTER TABLE webhook_endpoint DROP COLUMN events_lost_at;
DROP TABLE event_horizon;
