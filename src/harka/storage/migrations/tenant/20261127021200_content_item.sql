-- What a lesson shows: texts, videos and links, in order.

-- migrate:up
CREATE TABLE content_item (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  lesson_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,31}$'),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  text text NOT NULL DEFAULT '' CHECK (length(text) <= 50000),
  url text CHECK (length(url) <= 2048 AND url LIKE 'https://%'),
  duration_seconds integer CHECK (duration_seconds BETWEEN 0 AND 360000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX content_item_order ON content_item (tenant_id, lesson_id, position, id);

ALTER TABLE content_item ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON content_item
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE content_item;
