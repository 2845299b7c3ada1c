-- Who may say at an organization's door who somebody is, whom they said that about, and what came of each attempt.

-- migrate:up
-- `sealed_secret`: the client's, readable for this tenant and connection only. `tested_at`, `proven_at`: when the
-- provider answered as it should, and when somebody came in by it, since it last changed. `role_mapping`: each a
-- role, a colon, and what the provider says for it. `email_domains`: whose people are sent here.
CREATE TABLE sso_connection (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('oidc', 'ldap', 'saml')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'tested', 'enforced', 'disabled')),
  issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
  client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 200),
  role_claim text CHECK (length(role_claim) BETWEEN 1 AND 100),
  role_mapping text[] NOT NULL DEFAULT '{}' CHECK (cardinality(role_mapping) <= 50),
  default_role text NOT NULL CHECK (default_role IN ('learner', 'instructor', 'manager')),
  email_domains text[] NOT NULL DEFAULT '{}' CHECK (cardinality(email_domains) <= 20),
  sealed_secret bytea NOT NULL,
  tested_at timestamptz,
  proven_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CHECK (state <> 'enforced' OR (tested_at IS NOT NULL AND proven_at IS NOT NULL))
);
CREATE INDEX sso_connection_page ON sso_connection (tenant_id, created_at, id);

-- a person is who the connection's issuer calls by this subject, whatever their address
CREATE TABLE sso_identity (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  issuer text NOT NULL CHECK (length(issuer) <= 500),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id, issuer, subject),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connection (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sso_identity_user ON sso_identity (tenant_id, user_id);

CREATE TABLE sso_attempt (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid,
  user_id uuid,
  outcome text NOT NULL CHECK (outcome ~ '^[a-z][a-z_]{0,31}$'),
  detail text NOT NULL DEFAULT '' CHECK (length(detail) <= 300),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connection (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sso_attempt_page ON sso_attempt (tenant_id, created_at, id);
CREATE INDEX sso_attempt_connection ON sso_attempt (tenant_id, connection_id);
CREATE INDEX sso_attempt_user ON sso_attempt (tenant_id, user_id);

ALTER TABLE sso_connection ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sso_identity ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sso_attempt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sso_connection
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON sso_identity
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON sso_attempt
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE sso_attempt, sso_identity, sso_connection;
