-- What a change was beyond, and what stopped with it, where it was forced; null for a change that was not.

-- migrate:up
ALTER TABLE entitlement_change ADD COLUMN forced jsonb CHECK (jsonb_typeof(forced) = 'object');

-- migrate:down
ALTER TABLE entitlement_change DROP COLUMN forced;
