-- Who may come in, by a token that is kept as its SHA-256 alone. A role that is taken away leaves `role_id` null.

-- migrate:up
CREATE TABLE invitation (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
  email_key text NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
  role text NOT NULL CHECK (role ~ '^[a-z][a-z_]{0,31}$'),
  role_id uuid CHECK (role_id IS NULL OR role = 'custom'),
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at timestamptz,
  invited_by uuid,
  user_id uuid,
  token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT invitation_token UNIQUE (tenant_id, token_hash),
  CHECK (accepted_at IS NULL OR revoked_at IS NULL),
  CHECK ((accepted_at IS NULL) = (user_id IS NULL)),
  FOREIGN KEY (tenant_id, role_id) REFERENCES custom_role (tenant_id, id) ON DELETE SET NULL (role_id),
  FOREIGN KEY (tenant_id, invited_by) REFERENCES "user" (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id)
);
CREATE INDEX invitation_page ON invitation (tenant_id, created_at, id);
CREATE INDEX invitation_role ON invitation (tenant_id, role_id) WHERE role_id IS NOT NULL;
-- one for each address at a time
CREATE UNIQUE INDEX invitation_open ON invitation (tenant_id, email_key)
  WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE invitation_group (
  tenant_id uuid NOT NULL,
  invitation_id uuid NOT NULL,
  group_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, invitation_id, group_id),
  FOREIGN KEY (tenant_id, invitation_id) REFERENCES invitation (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, group_id) REFERENCES user_group (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX invitation_group_groups ON invitation_group (tenant_id, group_id);

ALTER TABLE invitation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE invitation_group ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitation
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON invitation_group
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE invitation_group, invitation;
