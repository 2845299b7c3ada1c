-- Which sessions began by a provider, so that it can end them.

-- migrate:up
-- `subject`, `sid`: whom the issuer meant, and in which session of its own, where it tells.
CREATE TABLE sso_session (
  tenant_id uuid NOT NULL,
  session_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  issuer text NOT NULL CHECK (length(issuer) <= 500),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  sid text CHECK (length(sid) BETWEEN 1 AND 255),
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES session (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connection (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sso_session_subject ON sso_session (tenant_id, connection_id, subject);
CREATE INDEX sso_session_sid ON sso_session (tenant_id, connection_id, sid) WHERE sid IS NOT NULL;

ALTER TABLE sso_session ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sso_session
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE sso_session;
