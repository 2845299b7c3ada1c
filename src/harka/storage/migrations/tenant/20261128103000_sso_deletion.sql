-- What came of attempts by a connection outlives it.

-- migrate:up
ALTER TABLE sso_attempt DROP CONSTRAINT sso_attempt_tenant_id_connection_id_fkey;
ALTER TABLE sso_attempt ADD CONSTRAINT sso_attempt_tenant_id_connection_id_fkey
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connection (tenant_id, id) ON DELETE SET NULL (connection_id);

-- migrate:down
ALTER TABLE sso_attempt DROP CONSTRAINT sso_attempt_tenant_id_connection_id_fkey;
ALTER TABLE sso_attempt ADD CONSTRAINT sso_attempt_tenant_id_connection_id_fkey
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connection (tenant_id, id) ON DELETE CASCADE;
