-- When the modules of a course open for a learner: a module without a row is open from the beginning.

-- migrate:up
CREATE TABLE module_unlock (
  tenant_id uuid NOT NULL,
  course_id uuid NOT NULL,
  module_id uuid NOT NULL,
  opens_at timestamptz,
  opens_after_days integer CHECK (opens_after_days BETWEEN 0 AND 3650),
  PRIMARY KEY (tenant_id, module_id),
  FOREIGN KEY (tenant_id, course_id, module_id) REFERENCES module (tenant_id, course_id, id) ON DELETE CASCADE
);

-- the foreign keys share the course: a module requires modules of its own course only
CREATE TABLE module_prerequisite (
  tenant_id uuid NOT NULL,
  course_id uuid NOT NULL,
  module_id uuid NOT NULL,
  required_id uuid NOT NULL CHECK (required_id <> module_id),
  PRIMARY KEY (tenant_id, module_id, required_id),
  FOREIGN KEY (tenant_id, course_id, module_id) REFERENCES module (tenant_id, course_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, course_id, required_id) REFERENCES module (tenant_id, course_id, id) ON DELETE CASCADE
);
CREATE INDEX module_prerequisite_course ON module_prerequisite (tenant_id, course_id, required_id);

ALTER TABLE module_unlock ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE module_prerequisite ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON module_unlock
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON module_prerequisite
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE module_prerequisite, module_unlock;
