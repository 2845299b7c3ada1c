-- What learners hand in: assignments of lessons, and what was handed in, with its grade.

-- migrate:up
CREATE TABLE assignment (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  lesson_id uuid NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  instructions text NOT NULL CHECK (length(instructions) <= 50000),
  due_at timestamptz,
  points integer NOT NULL CHECK (points BETWEEN 1 AND 1000),
  accepts text NOT NULL CHECK (accepts IN ('text', 'file')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX assignment_lesson ON assignment (tenant_id, lesson_id, created_at, id);

CREATE TABLE submission (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  assignment_id uuid NOT NULL,
  enrollment_id uuid NOT NULL,
  text text NOT NULL CHECK (length(text) <= 50000),
  submitted_at timestamptz NOT NULL,
  is_late boolean NOT NULL,
  score double precision CHECK (score >= 0),
  feedback text NOT NULL DEFAULT '' CHECK (length(feedback) <= 10000),
  graded_at timestamptz,
  graded_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT submission_once UNIQUE (tenant_id, enrollment_id, assignment_id),
  CHECK ((score IS NULL) = (graded_at IS NULL)),
  FOREIGN KEY (tenant_id, assignment_id) REFERENCES assignment (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, graded_by) REFERENCES "user" (tenant_id, id)
);
CREATE INDEX submission_page ON submission (tenant_id, assignment_id, created_at, id);
CREATE INDEX submission_graded_by ON submission (tenant_id, graded_by) WHERE graded_by IS NOT NULL;

CREATE TABLE submission_file (
  tenant_id uuid NOT NULL,
  submission_id uuid NOT NULL,
  file_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  PRIMARY KEY (tenant_id, submission_id, file_id),
  FOREIGN KEY (tenant_id, submission_id) REFERENCES submission (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, file_id) REFERENCES file (tenant_id, id)
);
CREATE INDEX submission_file_file ON submission_file (tenant_id, file_id);

ALTER TABLE assignment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON assignment
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE submission ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON submission
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE submission_file ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON submission_file
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE submission_file;
DROP TABLE submission;
DROP TABLE assignment;
