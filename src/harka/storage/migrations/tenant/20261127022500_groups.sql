-- Groups of users as a tree; who is below whom is kept in a closure table, so that no statement recurses.

-- migrate:up
CREATE TABLE user_group (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  parent_id uuid CHECK (parent_id <> id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, parent_id) REFERENCES user_group (tenant_id, id)
);
CREATE INDEX user_group_page ON user_group (tenant_id, created_at, id);
CREATE INDEX user_group_children ON user_group (tenant_id, parent_id, created_at, id);

-- every group with itself (distance 0) and with each group above it
CREATE TABLE user_group_path (
  tenant_id uuid NOT NULL,
  ancestor_id uuid NOT NULL,
  descendant_id uuid NOT NULL,
  distance integer NOT NULL CHECK (distance BETWEEN 0 AND 9),
  PRIMARY KEY (tenant_id, ancestor_id, descendant_id),
  FOREIGN KEY (tenant_id, ancestor_id) REFERENCES user_group (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, descendant_id) REFERENCES user_group (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX user_group_path_up ON user_group_path (tenant_id, descendant_id, ancestor_id);

CREATE TABLE user_group_member (
  tenant_id uuid NOT NULL,
  group_id uuid NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, group_id, user_id),
  FOREIGN KEY (tenant_id, group_id) REFERENCES user_group (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id)
);
CREATE INDEX user_group_member_groups ON user_group_member (tenant_id, user_id, group_id);

ALTER TABLE user_group ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_group_path ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_group_member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON user_group
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON user_group_path
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON user_group_member
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE user_group_member, user_group_path, user_group;
