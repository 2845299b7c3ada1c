-- An index for each order of files; pictures of brandings among what is stored.

-- migrate:up
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
ALTER TABLE branding_asset NO FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger NO FORCE ROW LEVEL SECURITY;
UPDATE file_ledger l SET bytes = l.bytes - a.bytes
FROM (SELECT tenant_id, sum(octet_length(content)) AS bytes FROM branding_asset GROUP BY tenant_id) AS a
WHERE a.tenant_id = l.tenant_id;
ALTER TABLE branding_asset FORCE ROW LEVEL SECURITY;
ALTER TABLE file_ledger FORCE ROW LEVEL SECURITY;
