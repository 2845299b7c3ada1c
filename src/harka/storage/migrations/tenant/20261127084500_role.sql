-- Roles of an organization's own: what whoever holds one may do, by name.

-- migrate:up
CREATE TABLE custom_role (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  name_key text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  permissions text[] NOT NULL CHECK (cardinality(permissions) BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT custom_role_name_unique UNIQUE (tenant_id, name_key)
);
CREATE INDEX custom_role_page ON custom_role (tenant_id, created_at, id);

ALTER TABLE custom_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON custom_role
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

ALTER TABLE "user"
  ADD COLUMN role_id uuid,
  ADD CONSTRAINT user_custom_role CHECK ((role = 'custom') = (role_id IS NOT NULL)),
  ADD CONSTRAINT user_role_exists FOREIGN KEY (tenant_id, role_id) REFERENCES custom_role (tenant_id, id);
CREATE INDEX user_role_holders ON "user" (tenant_id, role_id) WHERE role_id IS NOT NULL;

-- migrate:down
ALTER TABLE "user" DROP COLUMN role_id;
UPDATE "user" SET role = 'learner' WHERE role = 'custom';
DROP TABLE custom_role;
