-- What an organization's own directory calls its people and groups, and what else it says of them.

-- migrate:up
-- Of whom a directory has written, or taken away. `user_name`: as it calls them, NULL for their address.
-- `attributes`: what it says that is stored nowhere else. `email_type`: of the address. `removed_version`: the
-- user's version when the directory took them away: until something else happens to them it finds them no more.
CREATE TABLE scim_user (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  user_name text CHECK (length(user_name) BETWEEN 1 AND 320),
  user_name_key text GENERATED ALWAYS AS (lower(user_name)) STORED,
  external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  email_type text NOT NULL DEFAULT 'work' CHECK (length(email_type) BETWEEN 1 AND 64),
  attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
  removed_version integer,
  PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT scim_user_name_unique UNIQUE (tenant_id, user_name_key),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX scim_user_external ON scim_user (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX scim_user_removed ON scim_user (tenant_id, user_id) WHERE removed_version IS NOT NULL;

ALTER TABLE scim_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON scim_user
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- a column, since under row-level security no index on what a function answers is used
ALTER TABLE user_group
  ADD COLUMN external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  ADD COLUMN name_key text GENERATED ALWAYS AS (lower(name)) STORED;
CREATE INDEX user_group_external ON user_group (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX user_group_name ON user_group (tenant_id, name_key);

-- migrate:down
ALTER TABLE user_group DROP COLUMN name_key, DROP COLUMN external_id;
DROP TABLE scim_user;
