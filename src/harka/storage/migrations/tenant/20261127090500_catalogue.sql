-- What courses are sorted by, and how often each was published.

-- migrate:up
CREATE TABLE category (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  name_key text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT category_name_unique UNIQUE (tenant_id, name_key)
);
CREATE INDEX category_page ON category (tenant_id, name, id);

CREATE TABLE tag (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  name_key text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT tag_name_unique UNIQUE (tenant_id, name_key)
);
CREATE INDEX tag_page ON tag (tenant_id, name, id);

CREATE TABLE course_tag (
  tenant_id uuid NOT NULL,
  course_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, course_id, tag_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES course (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX course_tag_courses ON course_tag (tenant_id, tag_id, course_id);

ALTER TABLE course
  ADD COLUMN category_id uuid,
  ADD COLUMN course_version integer NOT NULL DEFAULT 0 CHECK (course_version >= 0),
  ADD FOREIGN KEY (tenant_id, category_id) REFERENCES category (tenant_id, id) ON DELETE SET NULL (category_id);
CREATE INDEX course_category ON course (tenant_id, category_id, created_at, id);

-- what there is already; the owner of tables is held to their policies, except where they are not forced
ALTER TABLE course NO FORCE ROW LEVEL SECURITY;
UPDATE course SET course_version = 1 WHERE published_at IS NOT NULL;
ALTER TABLE course FORCE ROW LEVEL SECURITY;

ALTER TABLE category ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE tag ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE course_tag ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON category
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON tag
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON course_tag
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
ALTER TABLE course DROP COLUMN category_id, DROP COLUMN course_version;
DROP TABLE course_tag, tag, category;
