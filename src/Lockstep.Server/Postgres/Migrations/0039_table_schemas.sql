-- What the operator's software declares of tables.

CREATE TABLE lockstep.sync_schemas (
    app         text        NOT NULL,
    table_name  text        NOT NULL,
    declaration jsonb       NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_schemas_pkey PRIMARY KEY (app, table_name)
);
COMMENT ON TABLE lockstep.sync_schemas IS
    'Of a table of an app: {version, schema, steps}. What a record must fit (JSON Schema), the newest version that clients may write, and how former versions become it. Of nobody: users'' logins do not see it.';

ALTER TABLE lockstep.sync_schemas ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_schemas FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.sync_schemas FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY schemas_declare ON lockstep.sync_schemas FOR ALL TO lockstep_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON lockstep.sync_schemas TO lockstep_service;

CREATE TRIGGER touch BEFORE UPDATE ON lockstep.sync_schemas FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();
