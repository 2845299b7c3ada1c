-- The catalog: who the tenants are, what they are called, and where their rows live.
-- Runs with search_path = the control schema; role harka_control gets its rights by default privileges.
-- Every change that resolution or authentication depends on notifies channel harka_directory.

-- migrate:up
CREATE TABLE organization (
  id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  plan text NOT NULL CHECK (plan IN ('STARTER', 'GROWTH', 'ENTERPRISE')),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  locale text NOT NULL DEFAULT 'en' CHECK (length(locale) BETWEEN 2 AND 35),
  timezone text NOT NULL DEFAULT 'UTC' CHECK (length(timezone) BETWEEN 1 AND 64),
  region text CHECK (length(region) <= 64),
  settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
  branding jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(branding) = 'object'),
  features jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(features) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1
);

-- Anyone may claim a name (PENDING); only a proven one is exclusive, so nobody can squat on another's domain.
CREATE TABLE domain (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 253 AND name = lower(name)),
  status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'VERIFIED', 'ACTIVE')),
  created_at timestamptz NOT NULL DEFAULT now(),
  verified_at timestamptz,
  UNIQUE (tenant_id, name)
);
CREATE UNIQUE INDEX domain_name_proven ON domain (name) WHERE status IN ('VERIFIED', 'ACTIVE');

CREATE TABLE placement (
  tenant_id uuid PRIMARY KEY REFERENCES organization (id) ON DELETE CASCADE,
  shard text NOT NULL CHECK (shard ~ '^[a-z][a-z0-9_]{0,62}$'),
  mode text NOT NULL CHECK (mode IN ('POOL', 'SCHEMA', 'DEDICATED')),
  database text NOT NULL CHECK (database ~ '^[a-z][a-z0-9_]{0,62}$'),
  schema text NOT NULL CHECK (schema ~ '^[a-z][a-z0-9_]{0,62}$' AND schema <> 'control'),
  epoch bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
-- an own schema or database belongs to one tenant
CREATE UNIQUE INDEX placement_own_home ON placement (database, schema) WHERE mode <> 'POOL';

CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  prefix text NOT NULL UNIQUE CHECK (length(prefix) BETWEEN 8 AND 32),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  scopes text[] NOT NULL DEFAULT '{}',
  user_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
CREATE INDEX api_key_tenant ON api_key (tenant_id, created_at, id);

CREATE TABLE signing_key (
  kid text PRIMARY KEY CHECK (length(kid) BETWEEN 1 AND 64),
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  algorithm text NOT NULL CHECK (algorithm IN ('EdDSA', 'RS256')),
  public_jwk jsonb NOT NULL CHECK (jsonb_typeof(public_jwk) = 'object'),
  sealed_private bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE INDEX signing_key_tenant ON signing_key (tenant_id, created_at);

CREATE FUNCTION notify_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('harka_directory', to_jsonb(coalesce(NEW, OLD)) ->> TG_ARGV[0]);
  RETURN NULL;
END $$;

CREATE TRIGGER directory AFTER INSERT OR UPDATE OR DELETE ON organization
  FOR EACH ROW EXECUTE FUNCTION notify_directory('id');
CREATE TRIGGER directory AFTER INSERT OR UPDATE OR DELETE ON domain
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');
CREATE TRIGGER directory AFTER INSERT OR UPDATE OR DELETE ON placement
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');
CREATE TRIGGER directory AFTER INSERT OR UPDATE OR DELETE ON signing_key
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');
-- not last_used_at: using a key must not make every process read the catalog again
CREATE TRIGGER directory
  AFTER INSERT OR DELETE OR UPDATE OF tenant_id, prefix, hash, name, scopes, user_id, expires_at, revoked_at ON api_key
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');

-- the readiness probe compares it with what the build expects
GRANT SELECT ON schema_migrations TO harka_control;

-- migrate:down
REVOKE SELECT ON schema_migrations FROM harka_control;
DROP TABLE signing_key, api_key, placement, domain, organization;
DROP FUNCTION notify_directory();
