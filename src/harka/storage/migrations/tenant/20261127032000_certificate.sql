-- What proves a completion to anybody. The names are those of the day it was issued.

-- migrate:up
ALTER TABLE course
  ADD COLUMN awards_certificate boolean NOT NULL DEFAULT false,
  ADD COLUMN certificate_days integer CHECK (certificate_days BETWEEN 1 AND 36500);

CREATE TABLE certificate (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  course_id uuid NOT NULL,
  enrollment_id uuid NOT NULL,
  serial text NOT NULL CHECK (serial ~ '^[0-9a-f]{32}$'),
  holder_name text NOT NULL CHECK (length(holder_name) BETWEEN 1 AND 200),
  course_title text NOT NULL CHECK (length(course_title) BETWEEN 1 AND 200),
  issued_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoke_reason text CHECK (length(revoke_reason) BETWEEN 1 AND 500),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT certificate_once UNIQUE (tenant_id, enrollment_id),
  CONSTRAINT certificate_serial UNIQUE (tenant_id, serial),
  CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX certificate_user_page ON certificate (tenant_id, user_id, created_at, id);

ALTER TABLE certificate ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON certificate
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE certificate;
ALTER TABLE course DROP COLUMN awards_certificate, DROP COLUMN certificate_days;
