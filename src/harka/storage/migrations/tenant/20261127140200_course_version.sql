-- What courses were each time they were published: written once, never changed. What they were when they were
-- published before this is not known.

-- migrate:up
CREATE TABLE course_version (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  course_id uuid NOT NULL,
  number integer NOT NULL CHECK (number >= 1),
  title text NOT NULL,
  description text NOT NULL,
  modules jsonb NOT NULL,
  published_at timestamptz NOT NULL,
  published_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT course_version_once UNIQUE (tenant_id, course_id, number),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, published_by) REFERENCES "user" (tenant_id, id)
);
CREATE INDEX course_version_page ON course_version (tenant_id, course_id, created_at, id);
CREATE INDEX course_version_published_by ON course_version (tenant_id, published_by)
  WHERE published_by IS NOT NULL;

ALTER TABLE course_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON course_version
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE course_version;
