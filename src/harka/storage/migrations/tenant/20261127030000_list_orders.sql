-- An index for each order of a list: a page reads no more than it shows. An order by address has one already,
-- that of user_email_unique, in which no two rows are equal.

-- migrate:up
CREATE INDEX user_name_page ON "user" (tenant_id, name, id);
CREATE INDEX course_title_page ON course (tenant_id, title, id);
CREATE INDEX course_updated_page ON course (tenant_id, updated_at, id);

-- migrate:down
DROP INDEX user_name_page, course_title_page, course_updated_page;
