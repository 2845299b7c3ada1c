-- Whether a provider's word for somebody's role counts once, or whenever they come in.

-- migrate:up
ALTER TABLE sso_connection
  ADD COLUMN roles_at_sign_in text NOT NULL DEFAULT 'first' CHECK (roles_at_sign_in IN ('first', 'every')),
  ADD CONSTRAINT sso_connection_roles CHECK (roles_at_sign_in = 'first' OR role_claim IS NOT NULL);

-- migrate:down
ALTER TABLE sso_connection DROP COLUMN roles_at_sign_in;
