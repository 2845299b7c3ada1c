-- Whether a job was ever begun: what comes again puts in its next when it is begun first, whatever becomes of
-- its attempts, which may be given back. And keys of people's own have a mark before them.

-- migrate:up
ALTER TABLE job
  ADD COLUMN begun boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT job_dedupe_key_check,
  ADD CONSTRAINT job_dedupe_key_check CHECK (length(dedupe_key) BETWEEN 1 AND 210);

-- migrate:down
-- the owner of tables is held to their policies, except where they are not forced
ALTER TABLE job NO FORCE ROW LEVEL SECURITY;
UPDATE job SET dedupe_key = NULL WHERE length(dedupe_key) > 200;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
ALTER TABLE job
  DROP CONSTRAINT job_dedupe_key_check,
  ADD CONSTRAINT job_dedupe_key_check CHECK (length(dedupe_key) BETWEEN 1 AND 200),
  DROP COLUMN begun;
