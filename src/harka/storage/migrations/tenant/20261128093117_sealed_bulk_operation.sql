-- What a bulk operation asks for, its variables and what is executed may name people: sealed at rest from now on.
--
-- sealed: by crypto.envelope, all three together. Operations that were asked for before are read as they are until they
-- are forgotten, seven days after. To revert, those that are sealed are forgotten: nothing here can open them.

-- migrate:up
ALTER TABLE bulk_operation
  ADD COLUMN sealed bytea CHECK (length(sealed) <= 1000000),
  ALTER COLUMN query DROP NOT NULL,
  ALTER COLUMN variables DROP NOT NULL,
  ALTER COLUMN document DROP NOT NULL,
  ADD CONSTRAINT bulk_operation_asked CHECK (
    CASE WHEN sealed IS NULL THEN num_nulls(query, variables, document) = 0
    ELSE num_nonnulls(query, variables, document) = 0 END);

-- migrate:down
DELETE FROM bulk_operation WHERE sealed IS NOT NULL;
ALTER TABLE bulk_operation
  DROP CONSTRAINT bulk_operation_asked,
  DROP COLUMN sealed,
  ALTER COLUMN query SET NOT NULL,
  ALTER COLUMN variables SET NOT NULL,
  ALTER COLUMN document SET NOT NULL;
