-- By which SMTP server of its own an organization sends its e-mails, and from which address.
--
-- `sealed_password`: by crypto.envelope, for the organization. `verified_at`: when an e-mail first went out by it as it is
-- now; before that the platform's server is used.

-- migrate:up
CREATE TABLE mail_sender (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  address text NOT NULL CHECK (length(address) BETWEEN 3 AND 320),
  host text NOT NULL CHECK (length(host) BETWEEN 1 AND 253),
  port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  start_tls boolean NOT NULL,
  username text NOT NULL CHECK (length(username) BETWEEN 1 AND 320),
  sealed_password bytea NOT NULL CHECK (length(sealed_password) <= 1000),
  verified_at timestamptz,
  failing_since timestamptz,
  error text CHECK (length(error) <= 500),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id),
  CHECK ((failing_since IS NULL) = (error IS NULL))
);

ALTER TABLE mail_sender ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mail_sender
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE mail_sender;
