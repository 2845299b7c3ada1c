-- How many requests each organization made in a month, written by every process now and then.

-- migrate:up
CREATE TABLE request_usage (
  tenant_id uuid NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  requests bigint NOT NULL CHECK (requests >= 0),
  as_of timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, month)
);

-- migrate:down
DROP TABLE request_usage;
