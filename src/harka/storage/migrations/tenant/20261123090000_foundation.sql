-- The tables of tenants, the same in every shard's schema, own schema and own database.
-- Runs with search_path = the tenant schema; role harka_app gets its rights by default privileges.
--
-- Every table: tenant_id; primary key (tenant_id, …); foreign keys carry tenant_id too, because a plain one
-- accepts another tenant's row (referential checks bypass row security); row-level security on and forced.
-- Comparisons that an index must serve use leakproof operators only (uuid, text, timestamptz, numbers):
-- under row-level security the planner refuses an index to any other, citext, lower() and LIKE among them.
-- That is why an address is kept as written in email and looked up by the generated email_key.

-- migrate:up
CREATE TABLE "user" (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
  email_key text NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role text NOT NULL DEFAULT 'learner' CHECK (role ~ '^[a-z][a-z_]{0,31}$'),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
  locale text CHECK (length(locale) BETWEEN 2 AND 35),
  timezone text CHECK (length(timezone) BETWEEN 1 AND 64),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT user_email_unique UNIQUE (tenant_id, email_key)
);
CREATE INDEX user_page ON "user" (tenant_id, created_at, id);

CREATE TABLE course (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  slug text NOT NULL CHECK (length(slug) <= 100 AND slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 20000),
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
  published_at timestamptz,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT course_code_unique UNIQUE (tenant_id, code),
  CONSTRAINT course_slug_unique UNIQUE (tenant_id, slug)
);
CREATE INDEX course_page ON course (tenant_id, created_at, id);
CREATE INDEX course_status_page ON course (tenant_id, status, created_at, id);

CREATE TABLE module (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  course_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  -- lets a lesson prove that its module is of its course
  UNIQUE (tenant_id, course_id, id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX module_order ON module (tenant_id, course_id, position, id);

CREATE TABLE lesson (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  course_id uuid NOT NULL,
  module_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,31}$'),
  duration_minutes integer CHECK (duration_minutes BETWEEN 0 AND 100000),
  weight double precision NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, course_id, module_id) REFERENCES module (tenant_id, course_id, id) ON DELETE CASCADE
);
CREATE INDEX lesson_order ON lesson (tenant_id, course_id, module_id, position, id);

CREATE TABLE enrollment (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  course_id uuid NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'withdrawn')),
  progress double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  withdrawn_at timestamptz,
  due_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id)
);
-- who withdrew may enroll again; the withdrawn row stays as history
CREATE UNIQUE INDEX enrollment_current ON enrollment (tenant_id, user_id, course_id) WHERE status <> 'withdrawn';
CREATE INDEX enrollment_page ON enrollment (tenant_id, created_at, id);
CREATE INDEX enrollment_user_page ON enrollment (tenant_id, user_id, created_at, id);
CREATE INDEX enrollment_course_page ON enrollment (tenant_id, course_id, created_at, id);

CREATE TABLE lesson_progress (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  enrollment_id uuid NOT NULL,
  lesson_id uuid NOT NULL,
  fraction double precision NOT NULL CHECK (fraction BETWEEN 0 AND 1),
  score double precision CHECK (score BETWEEN 0 AND 100),
  occurred_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT lesson_progress_once UNIQUE (tenant_id, enrollment_id, lesson_id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE completion (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  enrollment_id uuid NOT NULL,
  completed_at timestamptz NOT NULL,
  score double precision CHECK (score BETWEEN 0 AND 100),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT completion_once UNIQUE (tenant_id, enrollment_id),
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX completion_page ON completion (tenant_id, completed_at, id);

CREATE TABLE job (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
  payload jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead')),
  priority integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  max_attempts integer NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
  run_at timestamptz NOT NULL DEFAULT now(),
  leased_until timestamptz,
  -- grows with every claim: a worker that lost its lease cannot finish what another has taken over
  fence bigint NOT NULL DEFAULT 0,
  error text CHECK (length(error) <= 10000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX job_queued ON job (tenant_id, priority, run_at, id) WHERE state = 'queued';
CREATE INDEX job_running ON job (tenant_id, leased_until) WHERE state = 'running';

CREATE TABLE usage (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  active_users integer NOT NULL DEFAULT 0 CHECK (active_users >= 0),
  total_users integer NOT NULL DEFAULT 0 CHECK (total_users >= 0),
  storage_bytes bigint NOT NULL DEFAULT 0 CHECK (storage_bytes >= 0),
  as_of timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, day)
);

ALTER TABLE "user" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE course ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE module ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE completion ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE job ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON "user"
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON course
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON module
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON lesson
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON enrollment
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON lesson_progress
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON completion
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON job
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON usage
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE usage, job, completion, lesson_progress, enrollment, lesson, module, course, "user";
