-- Ways through several courses, and who is on them.

-- migrate:up
CREATE TABLE learning_path (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 20000),
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
  is_sequential boolean NOT NULL DEFAULT true,
  -- of its courses; NULL: all
  required_count integer CHECK (required_count > 0),
  published_at timestamptz,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX learning_path_page ON learning_path (tenant_id, created_at, id);

CREATE TABLE learning_path_course (
  tenant_id uuid NOT NULL,
  path_id uuid NOT NULL,
  course_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  PRIMARY KEY (tenant_id, path_id, course_id),
  FOREIGN KEY (tenant_id, path_id) REFERENCES learning_path (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id)
);
CREATE INDEX learning_path_course_paths ON learning_path_course (tenant_id, course_id, path_id);

CREATE TABLE learning_path_enrollment (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  path_id uuid NOT NULL,
  user_id uuid NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'withdrawn')),
  progress double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  completed_at timestamptz,
  withdrawn_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, path_id) REFERENCES learning_path (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id)
);
-- who withdrew may begin again; the withdrawn row stays as history
CREATE UNIQUE INDEX learning_path_enrollment_current
  ON learning_path_enrollment (tenant_id, user_id, path_id) WHERE status <> 'withdrawn';
CREATE INDEX learning_path_enrollment_page ON learning_path_enrollment (tenant_id, created_at, id);
CREATE INDEX learning_path_enrollment_user ON learning_path_enrollment (tenant_id, user_id, created_at, id);
CREATE INDEX learning_path_enrollment_path ON learning_path_enrollment (tenant_id, path_id, created_at, id);

ALTER TABLE learning_path ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE learning_path_course ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE learning_path_enrollment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON learning_path
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON learning_path_course
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON learning_path_enrollment
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE learning_path_enrollment, learning_path_course, learning_path;
