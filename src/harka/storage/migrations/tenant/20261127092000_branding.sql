-- How an organization's pages look: one draft, one published version, and those that were published before.

-- migrate:up
CREATE TABLE branding_asset (
  tenant_id uuid NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  media_type text NOT NULL
    CHECK (media_type IN ('image/svg+xml', 'image/png', 'image/jpeg', 'image/webp', 'image/x-icon')),
  content bytea NOT NULL CHECK (length(content) BETWEEN 1 AND 262144),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, hash)
);

CREATE TABLE branding (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'published', 'retired')),
  logo_hash text,
  favicon_hash text,
  primary_color text CHECK (primary_color ~ '^#[0-9a-f]{6}$'),
  secondary_color text CHECK (secondary_color ~ '^#[0-9a-f]{6}$'),
  published_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CHECK ((status = 'draft') = (published_at IS NULL)),
  FOREIGN KEY (tenant_id, logo_hash) REFERENCES branding_asset (tenant_id, hash),
  FOREIGN KEY (tenant_id, favicon_hash) REFERENCES branding_asset (tenant_id, hash)
);
CREATE UNIQUE INDEX branding_draft ON branding (tenant_id) WHERE status = 'draft';
CREATE UNIQUE INDEX branding_published ON branding (tenant_id) WHERE status = 'published';
CREATE INDEX branding_page ON branding (tenant_id, created_at, id);

ALTER TABLE branding_asset ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON branding_asset
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE branding ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON branding
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE branding, branding_asset;
