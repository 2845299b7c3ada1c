-- What an endpoint was not told in time is found again, however much was told.

-- migrate:up
CREATE INDEX webhook_delivery_dead ON webhook_delivery (tenant_id, endpoint_id, finished_at, id)
  WHERE state = 'dead';

-- migrate:down
DROP INDEX webhook_delivery_dead;
