-- The vault for those who call PostgreSQL directly: docs/sql-vault.md.
-- The schema is vault, or lockstep_vault where somebody else's vault is there already (Supabase); Roles.cs has made it. The text below says
-- vault throughout, and is run with the name that holds here.
-- No operator is qualified: with pg_catalog first and pg_temp named last, PostgreSQL takes operators and functions from pg_catalog alone
-- (a temporary schema is never searched for them), and relations and types from there before pg_temp.

DO $migration$
DECLARE
    home text := CASE WHEN EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname = 'vault' AND pg_get_userbyid(n.nspowner) = 'lockstep_owner')
                      THEN 'vault' ELSE 'lockstep_vault' END;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO service_role', home);
    EXECUTE regexp_replace($statements$

CREATE TABLE vault.secrets (
    id              uuid        CONSTRAINT secrets_pkey PRIMARY KEY,
    name            text        NOT NULL,
    description     text        NOT NULL DEFAULT '',
    version         integer     NOT NULL DEFAULT 1 CONSTRAINT secrets_version_check CHECK (version >= 1),
    format          text        NOT NULL CONSTRAINT secrets_format_check CHECK (format IN ('pgcrypto-1')),
    key_fingerprint text        NOT NULL,
    sealed          bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vault.secrets IS
    'Secrets of the SQL functions, ciphertext only: sealed = iv (16 bytes), mac (32 bytes), AES-256-CBC. Id, version, key and format are authenticated. Names are labels, not unique. Nobody but the functions reads it.';
CREATE INDEX secrets_key_idx ON vault.secrets (key_fingerprint, id);
CREATE TRIGGER touch BEFORE UPDATE ON vault.secrets FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE vault.secret_owners (
    id           uuid        CONSTRAINT secret_owners_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    secret_id    uuid        NOT NULL CONSTRAINT secret_owners_secret_fkey REFERENCES vault.secrets (id) ON DELETE CASCADE,
    user_id      uuid        CONSTRAINT secret_owners_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id uuid        CONSTRAINT secret_owners_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    stored_for   boolean     NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT secret_owners_owner_check CHECK (num_nonnulls(user_id, workspace_id) = 1),
    CONSTRAINT secret_owners_key UNIQUE NULLS NOT DISTINCT (secret_id, user_id, workspace_id)
);
COMMENT ON TABLE vault.secret_owners IS
    'Whose integrations may use a secret. stored_for: it was stored for that owner, who may name it himself, and goes with him; else the service role let it be used.';
CREATE UNIQUE INDEX secret_owners_stored_key ON vault.secret_owners (secret_id) WHERE stored_for;
CREATE INDEX secret_owners_user_idx ON vault.secret_owners (user_id);
CREATE INDEX secret_owners_workspace_idx ON vault.secret_owners (workspace_id);

CREATE SEQUENCE vault.access_number;
COMMENT ON SEQUENCE vault.access_number IS
    'Numbers each retrieve, also one whose transaction rolls back: a number without a row in vault_access_log is such a one, told in the server''s log.';

CREATE TABLE vault.vault_access_log (
    id               bigint      CONSTRAINT vault_access_log_pkey PRIMARY KEY DEFAULT nextval('vault.access_number'),
    secret_id        uuid        NOT NULL,
    accessed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    "session_user"   text        NOT NULL DEFAULT session_user,
    role             text        NOT NULL,
    jwt_subject      text,
    client_address   inet        DEFAULT inet_client_addr(),
    application_name text        DEFAULT current_setting('application_name'),
    pid              integer     NOT NULL DEFAULT pg_backend_pid(),
    integration_id   uuid
);
COMMENT ON TABLE vault.vault_access_log IS
    'Every retrieve: which secret, which login ("session_user"), as which role, for which jwt subject, from where. Append-only; no foreign key, so it outlives the secret. integration_id: a sync run used it.';
CREATE INDEX vault_access_log_secret_idx ON vault.vault_access_log (secret_id, id);

ALTER TABLE vault.secrets          ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.secrets          FORCE  ROW LEVEL SECURITY;
ALTER TABLE vault.secret_owners    ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.secret_owners    FORCE  ROW LEVEL SECURITY;
ALTER TABLE vault.vault_access_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.vault_access_log FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON vault.secrets          FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON vault.secret_owners    FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON vault.vault_access_log FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
-- What describes a secret, and who read it; the column grant leaves the ciphertext out.
CREATE POLICY secrets_service_read ON vault.secrets FOR SELECT TO service_role USING (true);
CREATE POLICY secret_owners_service_read ON vault.secret_owners FOR SELECT TO service_role USING (true);
CREATE POLICY vault_access_log_service_read ON vault.vault_access_log FOR SELECT TO service_role USING (true);
GRANT SELECT (id, name, description, version, key_fingerprint, created_at, updated_at) ON vault.secrets TO service_role;
GRANT SELECT ON vault.secret_owners, vault.vault_access_log TO service_role;

-- The root keys of this transaction: the file's, which lockstep.root_key() reads where a superuser has installed it, then the setting's.
CREATE FUNCTION lockstep.vault_keys() RETURNS TABLE (source text, rank bigint, fingerprint text, root bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    file    text;
    setting text := current_setting('lockstep.vault_key', true);
BEGIN
    IF to_regprocedure('lockstep.root_key()') IS NOT NULL THEN
        file := lockstep.root_key();
    END IF;
    -- No message shows what was given: it may be a key with a slip in it.
    IF EXISTS (SELECT 1 FROM regexp_split_to_table(coalesce(file, ''), '[\s,]+') k WHERE k <> '' AND k !~ '^[A-Za-z0-9+/]{43}=$') THEN
        RAISE EXCEPTION 'vault_locked: the root key file does not hold keys' USING ERRCODE = '55000',
            HINT = 'Each line is the base64 of 32 random bytes, newest first: openssl rand -base64 32';
    END IF;
    IF EXISTS (SELECT 1 FROM regexp_split_to_table(coalesce(setting, ''), '[\s,]+') k WHERE k <> '' AND k !~ '^[A-Za-z0-9+/]{43}=$') THEN
        RAISE EXCEPTION 'vault_locked: the setting lockstep.vault_key does not hold a key' USING ERRCODE = '55000',
            HINT = 'It is the base64 of 32 random bytes, several by commas, newest first; give it by a bind parameter.';
    END IF;
    RETURN QUERY
    SELECT given.source, given.rank, left(encode(sha256('lockstep-sql-vault-fingerprint'::bytea || given.root), 'hex'), 16), given.root
    FROM  (SELECT 'file' AS source, k.n AS rank, decode(k.text, 'base64') AS root
           FROM   regexp_split_to_table(file, '[\s,]+') WITH ORDINALITY k (text, n) WHERE k.text <> ''
           UNION ALL
           SELECT 'setting', k.n, decode(k.text, 'base64')
           FROM   regexp_split_to_table(setting, '[\s,]+') WITH ORDINALITY k (text, n) WHERE k.text <> '') given
    -- Not a key that somebody typed to try: all bytes alike.
    WHERE  given.root <> decode(repeat(encode(substring(given.root FROM 1 FOR 1), 'hex'), 32), 'hex')
    ORDER  BY given.source, given.rank;
END $$;
COMMENT ON FUNCTION lockstep.vault_keys() IS
    'The root keys of the SQL vault, the one to write with first. For the functions of the vault alone: no role may execute it.';

CREATE FUNCTION lockstep.pgcrypto() RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home name;
BEGIN
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto';
    IF home IS NULL THEN
        RAISE EXCEPTION 'vault_locked: the extension pgcrypto is not installed' USING ERRCODE = '55000',
            HINT = 'CREATE EXTENSION pgcrypto (it comes with PostgreSQL''s contrib package).';
    END IF;
    RETURN home;
END $$;
COMMENT ON FUNCTION lockstep.pgcrypto() IS 'In which schema pgcrypto is here; looked up at each use, since it may be moved or come later.';

CREATE FUNCTION lockstep.seal_vault_secret(
    p_id uuid, p_version integer, p_secret text, p_to text, OUT key_fingerprint text, OUT sealed bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    root    bytea;
    iv      bytea;
    mac     bytea;
    body    bytea;
    context bytea := 'lockstep-sql-vault-1'::bytea || '\x00'::bytea || uuid_send(p_id) || int4send(p_version);
    crypto  name  := lockstep.pgcrypto();
BEGIN
    SELECT k.fingerprint, k.root INTO key_fingerprint, root
    FROM   lockstep.vault_keys() k
    WHERE  p_to IS NULL OR k.source = p_to
    ORDER  BY k.source, k.rank LIMIT 1;
    IF root IS NULL THEN
        RAISE EXCEPTION 'vault_locked: there is no root key' USING ERRCODE = '55000',
            HINT = 'Install lockstep.root_key(), or set lockstep.vault_key for this transaction by a bind parameter; see docs/sql-vault.md.';
    END IF;
    -- Every argument has its type: in a schema where others make functions, no overload of theirs fits better than pgcrypto's.
    -- A key of its own for each secret and version; encrypt, then authenticate what stands in the row.
    EXECUTE format('SELECT %1$I.gen_random_bytes(16)', crypto) INTO iv;
    EXECUTE format('SELECT %1$I.encrypt_iv($1, %1$I.hmac($2, $3, ''sha256''::text), $4, ''aes-cbc/pad:pkcs''::text)', crypto)
        INTO body USING convert_to(p_secret, 'UTF8'), context || 'encrypt'::bytea, root, iv;
    EXECUTE format('SELECT %1$I.hmac($1, %1$I.hmac($2, $3, ''sha256''::text), ''sha256''::text)', crypto)
        INTO mac USING context || key_fingerprint::bytea || iv || body, context || 'authenticate'::bytea, root;
    sealed := iv || mac || body;
END $$;
COMMENT ON FUNCTION lockstep.seal_vault_secret(uuid, integer, text, text) IS
    'Seals a secret to its id and version: HMAC-SHA-256 subkeys of the root key, AES-256-CBC, then HMAC-SHA-256 over context, key, iv and ciphertext. For the functions of the vault alone: no role may execute it.';

CREATE FUNCTION lockstep.open_vault_secret(p_id uuid, p_version integer, p_fingerprint text, p_sealed bytea) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    root    bytea;
    genuine boolean;
    plain   bytea;
    context bytea := 'lockstep-sql-vault-1'::bytea || '\x00'::bytea || uuid_send(p_id) || int4send(p_version);
    crypto  name  := lockstep.pgcrypto();
BEGIN
    SELECT k.root INTO root FROM lockstep.vault_keys() k WHERE k.fingerprint = p_fingerprint LIMIT 1;
    IF root IS NULL THEN
        RAISE EXCEPTION 'vault_locked: the root key with fingerprint % is not here', p_fingerprint USING ERRCODE = '55000',
            HINT = 'Give the key that sealed this secret: in the file that lockstep.root_key() reads, or by lockstep.vault_key for this transaction.';
    END IF;
    -- Compared through another HMAC, so that the time taken says nothing of the bytes.
    EXECUTE format('SELECT %1$I.hmac(%1$I.hmac($1, k.k, ''sha256''::text), k.k, ''sha256''::text) = %1$I.hmac($2, k.k, ''sha256''::text)
                    FROM (SELECT %1$I.hmac($3, $4, ''sha256''::text)) k (k)', crypto)
        INTO genuine
        USING context || p_fingerprint::bytea || substring(p_sealed FROM 1 FOR 16) || substring(p_sealed FROM 49),
              substring(p_sealed FROM 17 FOR 32), context || 'authenticate'::bytea, root;
    IF genuine IS NOT TRUE OR octet_length(p_sealed) < 64 THEN
        RAISE EXCEPTION 'integrity_failure: secret % does not open in its place', p_id USING ERRCODE = 'XX001',
            HINT = 'Its row was changed or moved. Restore it from a backup, or rotate the secret.';
    END IF;
    EXECUTE format('SELECT %1$I.decrypt_iv($1, %1$I.hmac($2, $3, ''sha256''::text), $4, ''aes-cbc/pad:pkcs''::text)', crypto)
        INTO plain USING substring(p_sealed FROM 49), context || 'encrypt'::bytea, root, substring(p_sealed FROM 1 FOR 16);
    RETURN convert_from(plain, 'UTF8');
END $$;
COMMENT ON FUNCTION lockstep.open_vault_secret(uuid, integer, text, bytea) IS
    'Opens what seal_vault_secret made, after checking that it is whole and in its place. For the functions of the vault alone: no role may execute it.';

CREATE FUNCTION lockstep.log_vault_access(p_secret uuid, p_integration uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number  bigint := nextval('vault.access_number');
    as_role text   := coalesce(nullif(current_setting('role'), 'none'), session_user);
    subject text;
BEGIN
    BEGIN
        subject := left(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', 255);
    EXCEPTION WHEN invalid_text_representation THEN
        subject := 'unreadable claims';
    END;
    INSERT INTO vault.vault_access_log (id, secret_id, role, jwt_subject, integration_id)
    VALUES (number, p_secret, as_role, subject, p_integration);
    -- A rolled-back transaction takes the row along; the server's log keeps the line, and the sequence its number. As JSON, so that
    -- no subject can begin a line of its own.
    RAISE LOG 'vault access %', json_build_object('n', number, 'secret', p_secret, 'session_user', session_user,
        'role', as_role, 'sub', subject, 'client', inet_client_addr(), 'integration', p_integration);
END $$;
COMMENT ON FUNCTION lockstep.log_vault_access(uuid, uuid) IS
    'One row, one number and one line of the server''s log for a retrieve, never the value. For the functions of the vault alone: no role may execute it.';

CREATE FUNCTION vault.store_credential(p_name text, p_secret text, p_description text DEFAULT '') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid := gen_random_uuid();
    seal record;
BEGIN
    IF p_name IS NULL OR p_secret IS NULL OR p_description IS NULL THEN
        RAISE EXCEPTION '% is null: a secret has a name, a value and a description (may be empty)',
            CASE WHEN p_name IS NULL THEN 'p_name' WHEN p_secret IS NULL THEN 'p_secret' ELSE 'p_description' END USING ERRCODE = '22004';
    END IF;
    IF octet_length(convert_to(p_secret, 'UTF8')) > 65536 THEN
        RAISE EXCEPTION 'p_secret has more than 65536 bytes' USING ERRCODE = '22001';
    END IF;
    SELECT * INTO seal FROM lockstep.seal_vault_secret(made, 1, p_secret, NULL);
    -- A key that opens nothing of what is here is a slip: what it sealed would be lost with it.
    IF EXISTS (SELECT 1 FROM vault.secrets)
       AND NOT EXISTS (SELECT 1 FROM lockstep.vault_keys() k JOIN vault.secrets s ON s.key_fingerprint = k.fingerprint) THEN
        RAISE EXCEPTION 'vault_locked: the root key % opens none of the secrets that are here', seal.key_fingerprint USING ERRCODE = '55000',
            HINT = format('They need the key with fingerprint %s. To change the key, give both and run lockstep sql-vault rekey.',
                (SELECT s.key_fingerprint FROM vault.secrets s ORDER BY s.updated_at DESC LIMIT 1));
    END IF;
    INSERT INTO vault.secrets (id, name, description, format, key_fingerprint, sealed)
    VALUES (made, p_name, p_description, 'pgcrypto-1', seal.key_fingerprint, seal.sealed);
    PERFORM lockstep.record_activity(NULL, NULL, 'VAULT_SECRET_STORED', 'vault_secret', made);
    RETURN made;
END $$;
COMMENT ON FUNCTION vault.store_credential(text, text, text) IS
    'Stores a secret (at most 64 KiB) and returns its id; names are not unique. Security model: SECURITY DEFINER as lockstep_owner with search_path pinned to pg_catalog and pg_temp last; EXECUTE revoked from PUBLIC, granted to service_role alone. The value is sealed before it is inserted, so that no table, dead tuple or WAL record holds it; the root key is outside the database, and without it the call fails with 55000 vault_locked. Give the value by a bind parameter: a literal stands in logs and pg_stat_activity.';

CREATE FUNCTION vault.retrieve_credential(p_secret_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept vault.secrets;
BEGIN
    IF p_secret_id IS NULL THEN
        RAISE EXCEPTION 'p_secret_id is null: name the secret to retrieve' USING ERRCODE = '22004';
    END IF;
    SELECT * INTO kept FROM vault.secrets s WHERE s.id = p_secret_id;
    IF kept.id IS NULL THEN
        RAISE EXCEPTION 'secret % not found', p_secret_id USING ERRCODE = 'P0002';
    END IF;
    PERFORM lockstep.log_vault_access(kept.id, NULL);
    RETURN lockstep.open_vault_secret(kept.id, kept.version, kept.key_fingerprint, kept.sealed);
END $$;
COMMENT ON FUNCTION vault.retrieve_credential(uuid) IS
    'The value of a secret; P0002 when there is none, XX001 when its row was changed or moved, 55000 vault_locked without its root key. Security model: SECURITY DEFINER as lockstep_owner with search_path pinned to pg_catalog and pg_temp last; EXECUTE revoked from PUBLIC, granted to service_role alone. Every call is a row of vault.vault_access_log and a numbered line of the server''s log, which stays when the transaction rolls back. Call it on the server during an integration''s run, not on every request.';

CREATE FUNCTION vault.rotate_credential(p_secret_id uuid, p_new_secret text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next integer;
    seal record;
BEGIN
    IF p_secret_id IS NULL OR p_new_secret IS NULL THEN
        RAISE EXCEPTION '% is null: a rotation names a secret and gives its new value',
            CASE WHEN p_secret_id IS NULL THEN 'p_secret_id' ELSE 'p_new_secret' END USING ERRCODE = '22004';
    END IF;
    IF octet_length(convert_to(p_new_secret, 'UTF8')) > 65536 THEN
        RAISE EXCEPTION 'p_new_secret has more than 65536 bytes' USING ERRCODE = '22001';
    END IF;
    -- Locked first: the value is sealed to a version that nobody else may take.
    SELECT s.version + 1 INTO next FROM vault.secrets s WHERE s.id = p_secret_id FOR UPDATE;
    IF next IS NULL THEN
        RAISE EXCEPTION 'secret % not found', p_secret_id USING ERRCODE = 'P0002';
    END IF;
    SELECT * INTO seal FROM lockstep.seal_vault_secret(p_secret_id, next, p_new_secret, NULL);
    IF NOT EXISTS (SELECT 1 FROM lockstep.vault_keys() k JOIN vault.secrets s ON s.key_fingerprint = k.fingerprint) THEN
        RAISE EXCEPTION 'vault_locked: the root key % opens none of the secrets that are here', seal.key_fingerprint USING ERRCODE = '55000',
            HINT = format('They need the key with fingerprint %s. To change the key, give both and run lockstep sql-vault rekey.',
                (SELECT s.key_fingerprint FROM vault.secrets s WHERE s.id = p_secret_id));
    END IF;
    UPDATE vault.secrets s
    SET    version = next, format = 'pgcrypto-1', key_fingerprint = seal.key_fingerprint, sealed = seal.sealed
    WHERE  s.id = p_secret_id;
    PERFORM lockstep.record_activity(NULL, NULL, 'VAULT_SECRET_ROTATED', 'vault_secret', p_secret_id, jsonb_build_object('version', next));
END $$;
COMMENT ON FUNCTION vault.rotate_credential(uuid, text) IS
    'Replaces the value of a secret and keeps its id; P0002 when there is none. Security model: SECURITY DEFINER as lockstep_owner with search_path pinned to pg_catalog and pg_temp last; EXECUTE revoked from PUBLIC, granted to service_role alone. Sealed before it is written, to the next version: the former ciphertext put back does not open. Give the value by a bind parameter.';

CREATE FUNCTION vault.delete_credential(p_secret_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_secret_id IS NULL THEN
        RAISE EXCEPTION 'p_secret_id is null: name the secret to delete' USING ERRCODE = '22004';
    END IF;
    DELETE FROM vault.secrets s WHERE s.id = p_secret_id;
    IF FOUND THEN
        PERFORM lockstep.record_activity(NULL, NULL, 'VAULT_SECRET_DELETED', 'vault_secret', p_secret_id);
    END IF;
END $$;
COMMENT ON FUNCTION vault.delete_credential(uuid) IS
    'Deletes a secret; one that is not there is no error. Security model: SECURITY DEFINER as lockstep_owner with search_path pinned to pg_catalog and pg_temp last; EXECUTE revoked from PUBLIC, granted to service_role alone. Its lines of vault.vault_access_log stay; integrations that used it stop with an error.';

CREATE FUNCTION vault.set_secret_owner(p_secret_id uuid, p_user_id uuid, p_workspace_id uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_secret_id IS NULL OR num_nonnulls(p_user_id, p_workspace_id) <> 1 THEN
        RAISE EXCEPTION 'a secret is stored for one user or for one workspace' USING ERRCODE = '22004';
    END IF;
    DELETE FROM vault.secret_owners o WHERE o.secret_id = p_secret_id AND o.stored_for;
    INSERT INTO vault.secret_owners (secret_id, user_id, workspace_id, stored_for)
    VALUES (p_secret_id, p_user_id, p_workspace_id, true)
    ON CONFLICT (secret_id, user_id, workspace_id) DO UPDATE SET stored_for = true;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION 'there is no such secret, user or workspace' USING ERRCODE = 'P0002';
END $$;
COMMENT ON FUNCTION vault.set_secret_owner(uuid, uuid, uuid) IS
    'Says for whom a secret is stored: that user, or the admins of that workspace, may name it as vaultSecretId of an integration, and it is deleted with them. Security model: SECURITY DEFINER as lockstep_owner with search_path pinned; EXECUTE revoked from PUBLIC, granted to service_role alone.';

-- What was stored for a user or workspace goes with it (settled, 7).
CREATE FUNCTION lockstep.drop_owned_vault_secret() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Another owner named in its place, as set_secret_owner does, is none that went.
    IF OLD.stored_for AND NOT EXISTS (SELECT 1 FROM auth.users u WHERE u.id = OLD.user_id)
       AND NOT EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.id = OLD.workspace_id) THEN
        DELETE FROM vault.secrets s WHERE s.id = OLD.secret_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.drop_owned_vault_secret() IS
    'Deletes the secret that was stored for a user or workspace that is deleted. SECURITY DEFINER trigger of vault.secret_owners.';
CREATE TRIGGER drop_owned_vault_secret AFTER DELETE ON vault.secret_owners FOR EACH ROW EXECUTE FUNCTION lockstep.drop_owned_vault_secret();

CREATE FUNCTION lockstep.check_vault_secret() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.vault_secret_id IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM vault.secret_owners o
           WHERE  o.secret_id = NEW.vault_secret_id
           AND    o.user_id IS NOT DISTINCT FROM NEW.user_id AND o.workspace_id IS NOT DISTINCT FROM NEW.workspace_id) THEN
        RAISE EXCEPTION 'insert or update on table "integrations" violates foreign key constraint "integrations_vault_secret_fkey"'
            USING ERRCODE = '23503', CONSTRAINT = 'integrations_vault_secret_fkey', SCHEMA = 'lockstep', TABLE = 'integrations';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.check_vault_secret() IS
    'Refuses a vault_secret_id that is neither stored for the integration''s owner nor admitted for it by the service role, with the error of an unknown id. SECURITY DEFINER trigger: it must see every owner to compare, and says nothing of them.';
-- After check_integration, by name, which fills a missing owner.
CREATE TRIGGER check_vault_secret BEFORE INSERT OR UPDATE OF user_id, workspace_id, vault_secret_id ON lockstep.integrations
    FOR EACH ROW EXECUTE FUNCTION lockstep.check_vault_secret();
CREATE INDEX integrations_vault_secret_idx ON lockstep.integrations (vault_secret_id) WHERE vault_secret_id IS NOT NULL;

CREATE FUNCTION lockstep.follow_vault_secret() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE lockstep.integrations i
        SET    status = CASE WHEN i.enabled THEN 'error' ELSE i.status END,
               last_sync_error = 'The secret of this integration was deleted from the SQL vault. Give it a new secret.',
               last_sync_error_code = 'credential_revoked',
               paused_reason = 'credential_revoked',
               paused_until = NULL
        WHERE  i.vault_secret_id = OLD.id;
    ELSE
        UPDATE lockstep.integrations i
        SET    paused_reason = NULL, paused_until = NULL, failures = 0, next_sync_at = now()
        WHERE  i.vault_secret_id = NEW.id AND i.paused_reason IN ('unauthorized', 'credential_revoked');
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.follow_vault_secret() IS
    'A deleted secret sets its integrations to error; a new value ends a pause for a refused password. SECURITY DEFINER trigger of vault.secrets: touches only integrations that name the row.';
CREATE TRIGGER follow_delete AFTER DELETE ON vault.secrets FOR EACH ROW EXECUTE FUNCTION lockstep.follow_vault_secret();
CREATE TRIGGER follow_rotation AFTER UPDATE ON vault.secrets FOR EACH ROW
    WHEN (OLD.version IS DISTINCT FROM NEW.version) EXECUTE FUNCTION lockstep.follow_vault_secret();

CREATE FUNCTION lockstep.admit_vault_secret(p_secret uuid, p_user uuid, p_workspace uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO vault.secret_owners (secret_id, user_id, workspace_id, stored_for)
    SELECT s.id, p_user, p_workspace, false FROM vault.secrets s WHERE s.id = p_secret
    ON CONFLICT DO NOTHING;
    RETURN EXISTS (SELECT 1 FROM vault.secrets s WHERE s.id = p_secret);
END $$;
COMMENT ON FUNCTION lockstep.admit_vault_secret(uuid, uuid, uuid) IS
    'The service role names a secret for an integration of this user or workspace; false when there is none. SECURITY DEFINER: service login only; says nothing but whether the id exists.';

CREATE FUNCTION lockstep.retrieve_for_integration(p_integration uuid, p_key text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept vault.secrets;
BEGIN
    IF p_key <> '' THEN
        PERFORM set_config('lockstep.vault_key', p_key, true);
    END IF;
    SELECT s.* INTO kept FROM lockstep.integrations i JOIN vault.secrets s ON s.id = i.vault_secret_id WHERE i.id = p_integration;
    IF kept.id IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM lockstep.log_vault_access(kept.id, p_integration);
    RETURN lockstep.open_vault_secret(kept.id, kept.version, kept.key_fingerprint, kept.sealed);
END $$;
COMMENT ON FUNCTION lockstep.retrieve_for_integration(uuid, text) IS
    'The secret that an integration names, for its run, logged with the integration''s id; NULL when it is gone. p_key: the root key of the set-up by setting, else empty. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.reseal_vault_secrets(p_to text, p_key text, p_after uuid, p_limit integer)
RETURNS TABLE (last_id uuid, resealed integer, failed uuid[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept   vault.secrets;
    seal   record;
    target text;
BEGIN
    IF p_key <> '' THEN
        PERFORM set_config('lockstep.vault_key', p_key, true);
    END IF;
    SELECT k.fingerprint INTO target FROM lockstep.vault_keys() k WHERE p_to IS NULL OR k.source = p_to ORDER BY k.source, k.rank LIMIT 1;
    IF target IS NULL THEN
        RAISE EXCEPTION 'vault_locked: there is no root key to seal with' USING ERRCODE = '55000',
            HINT = 'Install lockstep.root_key(), or set LOCKSTEP_SQL_VAULT_KEY; see docs/sql-vault.md.';
    END IF;
    resealed := 0;
    failed := '{}';
    FOR kept IN
        SELECT * FROM vault.secrets s
        WHERE  s.key_fingerprint <> target AND s.id > p_after
        ORDER  BY s.id LIMIT p_limit FOR UPDATE
    LOOP
        last_id := kept.id;
        BEGIN
            SELECT * INTO seal FROM lockstep.seal_vault_secret(
                kept.id, kept.version, lockstep.open_vault_secret(kept.id, kept.version, kept.key_fingerprint, kept.sealed), p_to);
            UPDATE vault.secrets s SET key_fingerprint = seal.key_fingerprint, sealed = seal.sealed WHERE s.id = kept.id;
            resealed := resealed + 1;
        EXCEPTION WHEN object_not_in_prerequisite_state OR data_corrupted THEN
            failed := failed || kept.id;
        END;
    END LOOP;
    IF resealed > 0 THEN
        PERFORM lockstep.record_activity(NULL, NULL, 'VAULT_SECRETS_RESEALED', 'vault_secret', NULL,
            jsonb_build_object('count', resealed, 'keyFingerprint', target));
    END IF;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.reseal_vault_secrets(text, text, uuid, integer) IS
    'Seals the next secrets after an id with the newest root key (of the file or the setting, if p_to says which); ids and versions stay, no value leaves the function. last_id is NULL when none was left; failed are those whose key is missing or that are damaged. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.sql_vault_state(p_key text)
RETURNS TABLE (secrets bigint, by_key jsonb, keys jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_key <> '' THEN
        PERFORM set_config('lockstep.vault_key', p_key, true);
    END IF;
    RETURN QUERY SELECT
        (SELECT count(*) FROM vault.secrets),
        (SELECT coalesce(jsonb_object_agg(s.key_fingerprint, s.n), '{}') FROM (SELECT key_fingerprint, count(*) AS n FROM vault.secrets GROUP BY 1) s),
        (SELECT coalesce(jsonb_agg(jsonb_build_object('source', k.source, 'fingerprint', k.fingerprint) ORDER BY k.source, k.rank), '[]') FROM lockstep.vault_keys() k);
END $$;
COMMENT ON FUNCTION lockstep.sql_vault_state(text) IS
    'How many secrets there are, under which keys, and which keys are at hand: fingerprints and counts. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.vault_access_gaps() RETURNS TABLE (first bigint, last bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH known AS (
        SELECT l.id, lag(l.id, 1, 0::bigint) OVER (ORDER BY l.id) AS before FROM vault.vault_access_log l
        UNION ALL
        SELECT s.last_value + 1, coalesce((SELECT max(l.id) FROM vault.vault_access_log l), 0) FROM vault.access_number s WHERE s.is_called)
    SELECT k.before + 1, k.id - 1 FROM known k WHERE k.id > k.before + 1 ORDER BY 1;
END $$;
COMMENT ON FUNCTION lockstep.vault_access_gaps() IS
    'Numbers of retrieves without a row: rolled back, under way, lost in a crash of the server (up to 32), or deleted by a superuser; the server''s log tells which. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.vault_keys(), lockstep.pgcrypto(), lockstep.seal_vault_secret(uuid, integer, text, text),
    lockstep.open_vault_secret(uuid, integer, text, bytea), lockstep.log_vault_access(uuid, uuid),
    vault.store_credential(text, text, text), vault.retrieve_credential(uuid), vault.rotate_credential(uuid, text),
    vault.delete_credential(uuid), vault.set_secret_owner(uuid, uuid, uuid),
    lockstep.drop_owned_vault_secret(), lockstep.check_vault_secret(), lockstep.follow_vault_secret(),
    lockstep.admit_vault_secret(uuid, uuid, uuid), lockstep.retrieve_for_integration(uuid, text),
    lockstep.reseal_vault_secrets(text, text, uuid, integer), lockstep.sql_vault_state(text), lockstep.vault_access_gaps()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.store_credential(text, text, text), vault.retrieve_credential(uuid), vault.rotate_credential(uuid, text),
    vault.delete_credential(uuid), vault.set_secret_owner(uuid, uuid, uuid)
    TO service_role;
GRANT EXECUTE ON FUNCTION lockstep.admit_vault_secret(uuid, uuid, uuid), lockstep.retrieve_for_integration(uuid, text),
    lockstep.reseal_vault_secrets(text, text, uuid, integer), lockstep.sql_vault_state(text), lockstep.vault_access_gaps()
    TO lockstep_service;

    $statements$, '\mvault\.', home || '.', 'g');
END $migration$;
