-- The answers of the raw floor: a function for each query, which names the tenant for its own transaction and
-- then lets one statement make all the JSON. {schema} is the tenants' schema. Row-level security applies to
-- the functions as to everything: they run as whoever calls them.
CREATE SCHEMA IF NOT EXISTS peers;
GRANT USAGE ON SCHEMA peers TO harka_app;

CREATE OR REPLACE FUNCTION peers.q1(tenant uuid, wanted uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.current_tenant', tenant::text, true);
  RETURN (
    SELECT json_build_object('data', json_build_object('user', json_build_object(
      'id', u.id, 'name', u.name, 'email', u.email, 'role', upper(u.role), 'status', upper(u.status),
      'createdAt', u.created_at)))
    FROM {schema}."user" u WHERE u.id = wanted);
END $$;

CREATE OR REPLACE FUNCTION peers.q2(tenant uuid, wanted int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.current_tenant', tenant::text, true);
  RETURN (
    SELECT json_build_object('data', json_build_object('courses', json_build_object(
      'nodes', coalesce(json_agg(json_build_object(
        'id', c.id, 'code', c.code, 'title', c.title, 'status', upper(c.status), 'modules', m.modules)
        ORDER BY c.created_at, c.id), '[]'))))
    FROM (SELECT * FROM {schema}.course ORDER BY created_at, id LIMIT wanted) c
    CROSS JOIN LATERAL (
      SELECT coalesce(json_agg(json_build_object('id', m.id, 'title', m.title, 'lessons', l.lessons)
        ORDER BY m.position, m.id), '[]') AS modules
      FROM {schema}.module m
      CROSS JOIN LATERAL (
        SELECT coalesce(json_agg(json_build_object(
          'id', l.id, 'title', l.title, 'kind', upper(l.kind), 'durationMinutes', l.duration_minutes,
          'weight', l.weight) ORDER BY l.position, l.id), '[]') AS lessons
        FROM {schema}.lesson l WHERE l.course_id = m.course_id AND l.module_id = m.id) l
      WHERE m.course_id = c.id) m);
END $$;

CREATE OR REPLACE FUNCTION peers.q3(tenant uuid, wanted int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.current_tenant', tenant::text, true);
  RETURN (
    SELECT json_build_object('data', json_build_object('enrollments', json_build_object(
      'totalCount', (SELECT count(*) FROM {schema}.enrollment),
      'nodes', coalesce(json_agg(json_build_object(
        'id', e.id, 'status', upper(e.status), 'progress', e.progress, 'enrolledAt', e.enrolled_at,
        'user', json_build_object('id', u.id, 'name', u.name, 'email', u.email),
        'course', json_build_object('id', c.id, 'code', c.code, 'title', c.title))
        ORDER BY e.created_at, e.id), '[]'))))
    FROM (SELECT * FROM {schema}.enrollment ORDER BY created_at, id LIMIT wanted) e
    JOIN {schema}."user" u ON u.id = e.user_id
    JOIN {schema}.course c ON c.id = e.course_id);
END $$;

GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA peers TO harka_app;
