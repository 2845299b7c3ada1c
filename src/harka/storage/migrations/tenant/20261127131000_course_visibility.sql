-- Whether a course is shown, by its id. Without it the planner takes the index of pages by status for that, and
-- reads there all courses of the tenant for each row that it joins.

-- migrate:up
CREATE UNIQUE INDEX course_visible ON course (tenant_id, id) INCLUDE (status);

-- migrate:down
DROP INDEX course_visible;
