-- The key of ours that is to follow with a SAML provider, and since when it signs.

-- migrate:up
-- All of it or nothing. From `key_changes_at` on it is the other that is kept for what was encrypted before.
ALTER TABLE sso_connection
  ADD COLUMN next_certificate text CHECK (length(next_certificate) BETWEEN 1 AND 10000),
  ADD COLUMN next_sealed_secret bytea,
  ADD COLUMN key_changes_at timestamptz,
  ADD CONSTRAINT sso_connection_next_key CHECK (
    num_nonnulls(next_certificate, next_sealed_secret, key_changes_at) = ANY ('{0,3}')
    AND (next_certificate IS NULL OR kind = 'saml'));

-- migrate:down
ALTER TABLE sso_connection DROP COLUMN next_certificate, DROP COLUMN next_sealed_secret, DROP COLUMN key_changes_at;
