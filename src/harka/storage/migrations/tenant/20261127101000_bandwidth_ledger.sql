-- How much of a tenant's files was downloaded, by calendar month (UTC); pictures of brandings among what is stored.

-- migrate:up
-- bytes: handed to the network; a download that broke off counts what was sent of it. Few rows to a month, and each
-- process adds to one of them, so that no two wait for each other.
CREATE TABLE bandwidth_ledger (
  tenant_id uuid NOT NULL,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 15),
  bytes bigint NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (tenant_id, month, lane)
);
ALTER TABLE bandwidth_ledger ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bandwidth_ledger
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- lists of files, in each order
CREATE INDEX file_page ON file (tenant_id, created_at, id);
CREATE INDEX file_name_page ON file (tenant_id, name, id);
CREATE INDEX file_size_page ON file (tenant_id, size, id);

-- what there is already; the owner of tables is held to their policies, except where they are not forced
ALTER TABLE branding_asset NO FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger NO FORCE ROW LEVEL SECURITY;
INSERT INTO file_ledger AS kept (tenant_id, bytes)
SELECT tenant_id, sum(octet_length(content)) FROM branding_asset GROUP BY tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET bytes = kept.bytes + excluded.bytes;
ALTER TABLE branding_asset FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger FORCE ROW LEVEL SECURITY;

-- migrate:down
DROP INDEX file_page, file_name_page, file_size_page;
DROP TABLE bandwidth_ledger;
ALTER TABLE branding_asset NO FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger NO FORCE ROW LEVEL SECURITY;
UPDATE file_ledger l SET bytes = l.bytes - a.bytes
FROM (SELECT tenant_id, sum(octet_length(content)) AS bytes FROM branding_asset GROUP BY tenant_id) AS a
WHERE a.tenant_id = l.tenant_id;
ALTER TABLE branding_asset FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger FORCE ROW LEVEL SECURITY;
