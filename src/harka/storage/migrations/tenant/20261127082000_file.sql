-- What people have uploaded, and how much room it takes.

-- migrate:up
CREATE TABLE file (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  size integer NOT NULL CHECK (size > 0),
  media_type text NOT NULL CHECK (length(media_type) BETWEEN 1 AND 100),
  status text NOT NULL CHECK (status IN ('pending', 'ready')),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id)
);
CREATE INDEX file_owner ON file (tenant_id, user_id, created_at, id);
CREATE INDEX file_pending ON file (tenant_id, user_id) WHERE status = 'pending';
CREATE INDEX file_overdue ON file (tenant_id, expires_at) WHERE status = 'pending';

-- bytes: of all files, those to come included, so that two uploads cannot both take the last room
CREATE TABLE file_ledger (
  tenant_id uuid NOT NULL PRIMARY KEY,
  bytes bigint NOT NULL CHECK (bytes >= 0)
);

ALTER TABLE content_item
  ADD COLUMN file_id uuid,
  ADD FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id);
CREATE INDEX content_item_file ON content_item (tenant_id, file_id) WHERE file_id IS NOT NULL;

ALTER TABLE file ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON file
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE file_ledger ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON file_ledger
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP INDEX content_item_file;
ALTER TABLE content_item DROP COLUMN file_id;
DROP TABLE file_ledger;
DROP TABLE file;
