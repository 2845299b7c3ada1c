-- Exact figures of a tenant, kept by whatever transaction changes what they count.
--
-- Each statement leaves what it changed as rows of its own, so that writers never wait for each other over a
-- common counter; now and then they are folded into the sums. A reader adds up both. Progress is counted in
-- millionths, in whole numbers, whose sums are exact.
-- The functions run with the rights of who writes, and so within the same tenant's rows.

-- migrate:up
CREATE TABLE rollup (
  tenant_id uuid NOT NULL,
  metric text NOT NULL CHECK (length(metric) BETWEEN 1 AND 50),
  value bigint NOT NULL,
  PRIMARY KEY (tenant_id, metric)
);

CREATE TABLE rollup_change (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT uuidv7(),
  metric text NOT NULL CHECK (length(metric) BETWEEN 1 AND 50),
  change bigint NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

-- the last day (UTC) on which somebody got further
CREATE TABLE user_activity (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  day date NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES "user" (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX user_activity_day ON user_activity (tenant_id, day);

CREATE INDEX job_dead ON job (tenant_id, finished_at) WHERE state = 'dead';

ALTER TABLE rollup ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE rollup_change ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE user_activity ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON rollup
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON rollup_change
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON user_activity
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- what there is already; the owner of tables is held to their policies, except where they are not forced
ALTER TABLE "user" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollment NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson_progress NO FORCE ROW LEVEL SECURITY;
ALTER TABLE rollup NO FORCE ROW LEVEL SECURITY;
ALTER TABLE user_activity NO FORCE ROW LEVEL SECURITY;
INSERT INTO rollup (tenant_id, metric, value)
SELECT tenant_id, metric, sum(value) FROM (
  SELECT tenant_id, metric, value FROM "user",
    LATERAL (VALUES ('users', 1), ('users_active', (status = 'active')::int)) AS counted (metric, value)
  UNION ALL
  SELECT tenant_id, metric, value FROM enrollment,
    LATERAL (VALUES ('enrollments', 1::bigint), ('completed', (status = 'completed')::int::bigint),
      ('progress', round(progress * 1000000)::bigint)) AS counted (metric, value)
  WHERE status <> 'withdrawn'
) AS rows GROUP BY tenant_id, metric;
INSERT INTO user_activity (tenant_id, user_id, day)
SELECT e.tenant_id, e.user_id, max((p.updated_at AT TIME ZONE 'UTC')::date)
FROM lesson_progress p JOIN enrollment e ON e.tenant_id = p.tenant_id AND e.id = p.enrollment_id
GROUP BY e.tenant_id, e.user_id;
ALTER TABLE "user" FORCE ROW LEVEL SECURITY;
ALTER TABLE enrollment FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson_progress FORCE ROW LEVEL SECURITY;
ALTER TABLE rollup FORCE ROW LEVEL SECURITY;
ALTER TABLE user_activity FORCE ROW LEVEL SECURITY;

CREATE FUNCTION roll_up_users() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, 1 AS sign FROM after_it) AS rows,
      LATERAL (VALUES ('users', sign), ('users_active', sign * (status = 'active')::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, -1 AS sign FROM before_it) AS rows,
      LATERAL (VALUES ('users', sign), ('users_active', sign * (status = 'active')::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  ELSE
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, 1 AS sign FROM after_it UNION ALL SELECT tenant_id, status, -1 FROM before_it) AS rows,
      LATERAL (VALUES ('users', sign), ('users_active', sign * (status = 'active')::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION roll_up_enrollments() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, progress, 1 AS sign FROM after_it) AS rows,
      LATERAL (VALUES ('enrollments', sign * (status <> 'withdrawn')::int),
        ('completed', sign * (status = 'completed')::int),
        ('progress', sign * (status <> 'withdrawn')::int * round(progress * 1000000)::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, progress, -1 AS sign FROM before_it) AS rows,
      LATERAL (VALUES ('enrollments', sign * (status <> 'withdrawn')::int),
        ('completed', sign * (status = 'completed')::int),
        ('progress', sign * (status <> 'withdrawn')::int * round(progress * 1000000)::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  ELSE
    INSERT INTO rollup_change (tenant_id, metric, change)
    SELECT tenant_id, metric, sum(change) FROM (SELECT tenant_id, status, progress, 1 AS sign FROM after_it UNION ALL SELECT tenant_id, status, progress, -1 FROM before_it) AS rows,
      LATERAL (VALUES ('enrollments', sign * (status <> 'withdrawn')::int),
        ('completed', sign * (status = 'completed')::int),
        ('progress', sign * (status <> 'withdrawn')::int * round(progress * 1000000)::int)) AS counted (metric, change)
    GROUP BY tenant_id, metric HAVING sum(change) <> 0;
  END IF;
  RETURN NULL;
END $$;

-- a day is written once for each user, in the order of ids: two who write the same users wait, and never deadlock
-- By indexes whatever the statistics say: a connection keeps the plan it made when the tables were small.
CREATE FUNCTION note_activity() RETURNS trigger LANGUAGE plpgsql
  SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  INSERT INTO user_activity (tenant_id, user_id, day)
  SELECT DISTINCT e.tenant_id, e.user_id, (now() AT TIME ZONE 'UTC')::date
  FROM after_it p JOIN enrollment e ON e.tenant_id = p.tenant_id AND e.id = p.enrollment_id
  WHERE NOT EXISTS (
    SELECT FROM user_activity a
    WHERE a.tenant_id = e.tenant_id AND a.user_id = e.user_id AND a.day >= (now() AT TIME ZONE 'UTC')::date)
  ORDER BY e.tenant_id, e.user_id
  ON CONFLICT (tenant_id, user_id) DO UPDATE SET day = greatest(user_activity.day, excluded.day);
  RETURN NULL;
END $$;

CREATE TRIGGER roll_up_users_insert AFTER INSERT ON "user" REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_users();
CREATE TRIGGER roll_up_users_update AFTER UPDATE ON "user" REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_users();
CREATE TRIGGER roll_up_users_delete AFTER DELETE ON "user" REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_users();
CREATE TRIGGER roll_up_enrollments_insert AFTER INSERT ON enrollment REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_enrollments();
CREATE TRIGGER roll_up_enrollments_update AFTER UPDATE ON enrollment REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_enrollments();
CREATE TRIGGER roll_up_enrollments_delete AFTER DELETE ON enrollment REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION roll_up_enrollments();
CREATE TRIGGER note_activity_insert AFTER INSERT ON lesson_progress REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_activity();
CREATE TRIGGER note_activity_update AFTER UPDATE ON lesson_progress REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_activity();

-- migrate:down
DROP TRIGGER roll_up_users_insert ON "user";
DROP TRIGGER roll_up_users_update ON "user";
DROP TRIGGER roll_up_users_delete ON "user";
DROP TRIGGER roll_up_enrollments_insert ON enrollment;
DROP TRIGGER roll_up_enrollments_update ON enrollment;
DROP TRIGGER roll_up_enrollments_delete ON enrollment;
DROP TRIGGER note_activity_insert ON lesson_progress;
DROP TRIGGER note_activity_update ON lesson_progress;
DROP FUNCTION roll_up_users(), roll_up_enrollments(), note_activity();
DROP INDEX job_dead;
DROP TABLE user_activity, rollup_change, rollup;
