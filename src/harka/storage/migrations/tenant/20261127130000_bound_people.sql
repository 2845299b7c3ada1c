-- Who sees nobody beyond the groups they manage stays so without any. Who has groups in `user_scope` is bound by
-- these; `is_bound` tells it of whom the last one was taken from. What an invitation lets somebody manage.

-- migrate:up
ALTER TABLE "user" ADD COLUMN is_bound boolean NOT NULL DEFAULT false;
ALTER TABLE invitation ADD COLUMN managed_group_ids uuid[] NOT NULL DEFAULT '{}';

-- migrate:down
ALTER TABLE invitation DROP COLUMN managed_group_ids;
ALTER TABLE "user" DROP COLUMN is_bound;
