-- How a connection asks a provider that speaks SAML 2.0.

-- migrate:up
-- Of kind `saml` alone. Its `issuer` is the provider's entity id, its `client_id` ours, its `sealed_secret` our private
-- key. `idp_certificates`, `own_certificate`: PEM. `certificates_end_at`: when none of one of them holds any more.
ALTER TABLE sso_connection
  ADD COLUMN sso_url text CHECK (length(sso_url) BETWEEN 1 AND 2000),
  ADD COLUMN metadata_url text CHECK (length(metadata_url) BETWEEN 1 AND 2000),
  ADD COLUMN idp_certificates text CHECK (length(idp_certificates) BETWEEN 1 AND 40000),
  ADD COLUMN own_certificate text CHECK (length(own_certificate) BETWEEN 1 AND 10000),
  ADD COLUMN idp_initiated boolean NOT NULL DEFAULT false,
  ADD COLUMN email_attribute text CHECK (length(email_attribute) BETWEEN 1 AND 200),
  ADD COLUMN name_attribute text CHECK (length(name_attribute) BETWEEN 1 AND 200),
  ADD COLUMN certificates_end_at timestamptz,
  ADD CONSTRAINT sso_connection_saml CHECK (kind <> 'saml' OR (
    sso_url IS NOT NULL AND idp_certificates IS NOT NULL AND own_certificate IS NOT NULL
    AND certificates_end_at IS NOT NULL));

-- migrate:down
DELETE FROM sso_connection WHERE kind = 'saml';
ALTER TABLE sso_connection
  DROP COLUMN sso_url, DROP COLUMN metadata_url, DROP COLUMN idp_certificates, DROP COLUMN own_certificate,
  DROP COLUMN idp_initiated, DROP COLUMN email_attribute, DROP COLUMN name_attribute,
  DROP COLUMN certificates_end_at;
