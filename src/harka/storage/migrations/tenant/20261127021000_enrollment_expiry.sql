-- When access to a course ends; NULL is never.

-- migrate:up
ALTER TABLE enrollment ADD COLUMN expires_at timestamptz;

-- migrate:down
ALTER TABLE enrollment DROP COLUMN expires_at;
