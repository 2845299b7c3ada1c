-- How a domain is proven, and that the proof is still there. A domain that is proven is not served before it is
-- activated; one whose proof is gone is taken back after a while: a claim again, which others may prove.
-- `organization.branding` is read no more: how pages look stands in the organization's own home.

-- migrate:up
ALTER TABLE domain
  ADD COLUMN token text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', '')
    CHECK (token ~ '^[0-9a-f]{32}$'),
  ADD COLUMN proven_by text CHECK (proven_by IN ('dns', 'operator')),
  ADD COLUMN checked_at timestamptz,
  ADD COLUMN proof_missing_since timestamptz,
  ADD COLUMN suspended_at timestamptz CHECK (suspended_at IS NULL OR status = 'PENDING'),
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN version integer NOT NULL DEFAULT 1;
-- those proven so far are so by an operator's word, and were served
UPDATE domain SET proven_by = 'operator', status = 'ACTIVE' WHERE status <> 'PENDING';
CREATE INDEX domain_page ON domain (tenant_id, created_at, id);

-- migrate:down
DROP INDEX domain_page;
ALTER TABLE domain
  DROP COLUMN token, DROP COLUMN proven_by, DROP COLUMN checked_at, DROP COLUMN proof_missing_since,
  DROP COLUMN suspended_at, DROP COLUMN updated_at, DROP COLUMN version;
