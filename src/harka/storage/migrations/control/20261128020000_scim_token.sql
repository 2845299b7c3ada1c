-- Tokens with which an organization's own directory keeps its people here up to date (SCIM).

-- migrate:up
-- `permissions`: the most it may do, none that its maker had not. `last_used_at` to the minute.
CREATE TABLE scim_token (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  prefix text NOT NULL UNIQUE CHECK (length(prefix) BETWEEN 8 AND 32),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  permissions text[] NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1
);
CREATE INDEX scim_token_page ON scim_token (tenant_id, created_at, id);
CREATE INDEX scim_token_names ON scim_token (tenant_id, name, id);
-- not last_used_at: using a token must not make every process read the catalog again
CREATE TRIGGER directory
  AFTER INSERT OR DELETE OR UPDATE OF tenant_id, prefix, hash, permissions, expires_at, revoked_at ON scim_token
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');

-- migrate:down
DROP TABLE scim_token;
