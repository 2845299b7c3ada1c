-- What an organization is granted beside its plan, and who changed that, or the plan, when and why.
-- `limits`: by the names of `tenancy.plan.PlanLimits`; null is no limit. `shadow`: what is beyond is counted, not refused.

-- migrate:up
CREATE TABLE entitlement (
  tenant_id uuid PRIMARY KEY REFERENCES organization (id) ON DELETE CASCADE,
  limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
  shadow boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0)
);

CREATE TRIGGER directory AFTER INSERT OR UPDATE OR DELETE ON entitlement
  FOR EACH ROW EXECUTE FUNCTION notify_directory('tenant_id');

-- what held from `changed_at` on; rows are added, and gone only with the organization
CREATE TABLE entitlement_change (
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  plan text NOT NULL,
  limits jsonb NOT NULL CHECK (jsonb_typeof(limits) = 'object'),
  features jsonb NOT NULL CHECK (jsonb_typeof(features) = 'object'),
  shadow boolean NOT NULL,
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
  reason text NOT NULL CHECK (length(reason) <= 500),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, version)
);
REVOKE UPDATE, DELETE ON entitlement_change FROM harka_control;

-- migrate:down
DROP TABLE entitlement_change, entitlement;
