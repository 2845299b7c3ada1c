-- Certificates as a list, in each of its orders; by CASE, see 20261127100000_enrollment_orders.sql.

-- migrate:up
CREATE INDEX certificate_page ON certificate (tenant_id, created_at, id);
CREATE INDEX certificate_course_page ON certificate (tenant_id, course_id, created_at, id);
CREATE INDEX certificate_path_page ON certificate (tenant_id, path_id, created_at, id) WHERE path_id IS NOT NULL;
CREATE INDEX certificate_expires_page ON certificate
  (tenant_id, (CASE WHEN expires_at IS NULL THEN '9999-01-01 00:00:00+00'::timestamptz ELSE expires_at END), id);

-- migrate:down
DROP INDEX certificate_page, certificate_course_page, certificate_path_page, certificate_expires_page;
