-- Lists in the orders that clients ask for, continued after any row. Those of `created_at` are there, mostly.

-- migrate:up
CREATE INDEX user_group_name_page ON user_group (tenant_id, name, id);
CREATE INDEX custom_role_name_page ON custom_role (tenant_id, name, id);
CREATE INDEX category_created_page ON category (tenant_id, created_at, id);
CREATE INDEX tag_created_page ON tag (tenant_id, created_at, id);
CREATE INDEX learning_path_title_page ON learning_path (tenant_id, title, id);
CREATE INDEX learning_path_updated_page ON learning_path (tenant_id, updated_at, id);
CREATE INDEX sso_connection_name_page ON sso_connection (tenant_id, name, id);
CREATE INDEX submission_submitted_page ON submission (tenant_id, assignment_id, submitted_at, id);

-- migrate:down
DROP INDEX user_group_name_page, custom_role_name_page, category_created_page, tag_created_page,
  learning_path_title_page, learning_path_updated_page, sso_connection_name_page, submission_submitted_page;
