-- How many bytes of files were sent to each organization's people in a month, counted with their requests.

-- migrate:up
ALTER TABLE request_usage ADD COLUMN downloaded bigint NOT NULL DEFAULT 0 CHECK (downloaded >= 0);

-- migrate:down
ALTER TABLE request_usage DROP COLUMN downloaded;
