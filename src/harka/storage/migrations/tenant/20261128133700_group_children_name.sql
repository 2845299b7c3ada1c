-- The groups below one, in the order of their names.

-- migrate:up
CREATE INDEX user_group_children_name ON user_group (tenant_id, parent_id, name, id);

-- migrate:down
DROP INDEX user_group_children_name;
