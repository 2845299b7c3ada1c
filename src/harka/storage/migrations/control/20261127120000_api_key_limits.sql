-- What bounds an API key besides its scopes, who made it, and which version of it was read.

-- migrate:up
ALTER TABLE api_key
  ADD COLUMN networks text[] NOT NULL DEFAULT '{}' CHECK (cardinality(networks) <= 20),
  ADD COLUMN requests_per_second integer CHECK (requests_per_second BETWEEN 1 AND 10000),
  ADD COLUMN created_by uuid,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN version integer NOT NULL DEFAULT 1;
DROP TRIGGER directory ON api_key;
CREATE TRIGGER directory
  AFTER INSERT OR DELETE OR UPDATE OF tenant_id, prefix, hash, name, scopes, user_id, expires_at, revoked_at,
    networks, requests_per_second ON api_key
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');

-- migrate:down
DROP TRIGGER directory ON api_key;
CREATE TRIGGER directory
  AFTER INSERT OR DELETE OR UPDATE OF tenant_id, prefix, hash, name, scopes, user_id, expires_at, revoked_at ON api_key
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');
ALTER TABLE api_key
  DROP COLUMN networks, DROP COLUMN requests_per_second, DROP COLUMN created_by, DROP COLUMN updated_at,
  DROP COLUMN version;
