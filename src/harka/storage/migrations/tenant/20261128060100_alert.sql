-- What is wrong with the organization, as far as its admins were told; and who wants which e-mails no more.
--
-- `since`: when it began, as far as nobody thought it gone; `seen_at`: the last look that found it. A row outlasts
-- its issue for a day, so that one that comes and goes is told once.

-- migrate:up
CREATE TABLE health_alert (
  tenant_id uuid NOT NULL,
  code text NOT NULL CHECK (length(code) BETWEEN 1 AND 40),
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  told_severity text CHECK (length(told_severity) BETWEEN 1 AND 20),
  told_at timestamptz,
  PRIMARY KEY (tenant_id, code),
  CHECK ((told_severity IS NULL) = (told_at IS NULL))
);

CREATE TABLE mail_refusal (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  topic text NOT NULL CHECK (length(topic) BETWEEN 1 AND 40),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id, topic),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE health_alert ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON health_alert
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE mail_refusal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mail_refusal
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE mail_refusal;
DROP TABLE health_alert;
