-- Certificates by the moment they end, to tell of those that soon will.

-- migrate:up
CREATE INDEX certificate_expiry ON certificate (tenant_id, expires_at)
  WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- migrate:down
DROP INDEX certificate_expiry;
