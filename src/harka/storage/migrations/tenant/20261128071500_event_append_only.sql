-- Nobody changes what has happened: events are written and, after their time, deleted.

-- migrate:up
REVOKE UPDATE ON event FROM harka_app;

-- migrate:down
GRANT UPDATE ON event TO harka_app;
