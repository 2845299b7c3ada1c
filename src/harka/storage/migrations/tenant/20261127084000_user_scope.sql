-- Whose branches bound whom they see: the groups that a person manages. Who has none here sees everybody.

-- migrate:up
CREATE TABLE user_scope (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  group_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id, group_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id),
  -- never by itself: the last one taken away would let its manager see everybody
  FOREIGN KEY (tenant_id, group_id) REFERENCES user_group (tenant_id, id)
);
CREATE INDEX user_scope_managers ON user_scope (tenant_id, group_id, user_id);

ALTER TABLE user_scope ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON user_scope
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- migrate:down
DROP TABLE user_scope;
