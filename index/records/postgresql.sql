-- What PostgreSQL alone has: the triggers that keep the audit trail append-only, and which tables were made.
CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE OR REPLACE TRIGGER audit_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
EXECUTE FUNCTION audit_refuses();

CREATE TABLE IF NOT EXISTS schema_made (digest TEXT PRIMARY KEY);
