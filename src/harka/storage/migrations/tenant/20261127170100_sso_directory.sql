-- How a connection asks a directory (LDAP) instead of a provider.

-- migrate:up
-- Of kind `ldap` alone. Its `issuer` is the directory's address, its `client_id` the name that asks, its `role_claim`
-- the attribute that names groups. `start_tls`: before anything is said at an `ldap://`.
ALTER TABLE sso_connection
  ADD COLUMN base_dn text CHECK (length(base_dn) BETWEEN 1 AND 500),
  ADD COLUMN login_attribute text CHECK (login_attribute ~ '^[A-Za-z][A-Za-z0-9-]{0,63}$'),
  ADD COLUMN user_filter text CHECK (length(user_filter) BETWEEN 1 AND 1000),
  ADD COLUMN start_tls boolean NOT NULL DEFAULT true,
  ADD COLUMN ca_certificates text CHECK (length(ca_certificates) <= 20000),
  ADD CHECK (kind <> 'ldap' OR (base_dn IS NOT NULL AND login_attribute IS NOT NULL));

-- migrate:down
DELETE FROM sso_connection WHERE kind = 'ldap';
ALTER TABLE sso_connection
  DROP COLUMN base_dn, DROP COLUMN login_attribute, DROP COLUMN user_filter, DROP COLUMN start_tls,
  DROP COLUMN ca_certificates;
