-- Places in the line are read by an index of their own, which lanes cannot use: of a type without jobs it would
-- be read from end to end. `priority + 0` is another expression to the planner.

-- migrate:up
CREATE INDEX job_line ON job (tenant_id, (priority + 0), run_at, id) WHERE state = 'queued';
DROP INDEX job_queued;

-- migrate:down
CREATE INDEX job_queued ON job (tenant_id, priority, run_at, id) WHERE state = 'queued';
DROP INDEX job_line;
