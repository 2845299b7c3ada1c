-- Names of keys are not unique; those of domains are, by an index that is there.

-- migrate:up
CREATE INDEX api_key_name_page ON api_key (tenant_id, name, id);

-- migrate:down
DROP INDEX api_key_name_page;
