-- How people come in: what they know, where they are signed in, and what a second device of theirs says.
-- Secrets are kept as hashes, except those that must be read again, which are sealed for the tenant.

-- migrate:up
CREATE TABLE password (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  hash text NOT NULL CHECK (length(hash) BETWEEN 20 AND 255),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);

-- one for each person at a time
CREATE TABLE password_reset (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT password_reset_token UNIQUE (tenant_id, token_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);

-- `token_hash`: of a browser's cookie; an app proves itself by tokens that name the session. `refreshes`: how many
-- refresh tokens were spent. `expires_at` moves on with every use, never beyond `ends_at`.
CREATE TABLE session (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('browser', 'app')),
  token_hash bytea CHECK (octet_length(token_hash) = 32),
  refreshes integer NOT NULL DEFAULT 0,
  user_agent text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 256),
  address text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CHECK ((kind = 'browser') = (token_hash IS NOT NULL)),
  CHECK (expires_at <= ends_at),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX session_page ON session (tenant_id, user_id, created_at, id);
CREATE INDEX session_over ON session (tenant_id, expires_at);

-- `last_step`: the half minute of the last code that was accepted, so that none is good twice
CREATE TABLE totp (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  sealed_secret bytea NOT NULL,
  confirmed_at timestamptz,
  last_step bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE recovery_code (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (tenant_id, user_id, hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES totp (tenant_id, user_id) ON DELETE CASCADE
);

ALTER TABLE password ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE password_reset ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE session ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE totp ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON password
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON password_reset
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON session
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON totp
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON recovery_code
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE recovery_code, totp, session, password_reset, password;
