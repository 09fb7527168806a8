-- For lockstep adopt: which rows of another server's log of changes are here, so that each is stored once and can be compared afterwards.

CREATE TABLE lockstep.adopted_changes (
    event_id uuid    CONSTRAINT adopted_changes_pkey PRIMARY KEY,
    in_scope uuid    NOT NULL CONSTRAINT adopted_changes_scope_fkey REFERENCES lockstep.sync_scopes (scope_id) ON DELETE CASCADE,
    seq      bigint,
    digest   bytea   NOT NULL CONSTRAINT adopted_changes_digest_check CHECK (length(digest) = 32)
);
COMMENT ON TABLE lockstep.adopted_changes IS
    'Rows of another server''s log that were taken over: where each is in ours (seq NULL: it changed nothing), and the SHA-256 of what it said. No login but the migrator sees it; once the source is gone it may be emptied.';
CREATE INDEX adopted_changes_scope_idx ON lockstep.adopted_changes (in_scope);
ALTER TABLE lockstep.adopted_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.adopted_changes FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.adopted_changes FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
