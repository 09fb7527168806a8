-- Assertions on the functions of the SQL vault, in the manner of pgTAP, in one transaction that is rolled back.
-- psql -X -q -A -t -v ON_ERROR_STOP=1 -f functions.sql, as a superuser: it becomes the other roles itself.
BEGIN;
CREATE SCHEMA tap;
GRANT USAGE ON SCHEMA tap TO PUBLIC;
CREATE FUNCTION tap.ok(passed boolean, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tap.n', (coalesce(nullif(current_setting('tap.n', true), ''), '0')::int + 1)::text, true);
    RETURN CASE WHEN passed THEN 'ok ' ELSE 'not ok ' END || current_setting('tap.n') || ' - ' || what;
END $$;
CREATE FUNCTION tap.throws(statement text, state text, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN tap.ok(false, what || ' (nothing was raised)');
EXCEPTION WHEN OTHERS THEN
    RETURN tap.ok(SQLSTATE = state, what || CASE WHEN SQLSTATE = state THEN '' ELSE ' (' || SQLSTATE || ' ' || SQLERRM || ')' END);
END $$;
CREATE FUNCTION tap.says(statement text, pattern text, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN tap.ok(false, what || ' (nothing was raised)');
EXCEPTION WHEN OTHERS THEN
    RETURN tap.ok(SQLERRM ~ pattern, what || CASE WHEN SQLERRM ~ pattern THEN '' ELSE ' (' || SQLERRM || ')' END);
END $$;
CREATE FUNCTION tap.key(n int) RETURNS text LANGUAGE sql AS $$ SELECT encode(sha256(n::text::bytea), 'base64') $$;
CREATE TEMP TABLE kept (what text, id uuid);
GRANT ALL ON kept TO PUBLIC;

-- The contract
SELECT tap.ok(bool_and(f.prosecdef AND f.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] AND pg_get_userbyid(f.proowner) = 'lockstep_owner'),
           'every function is SECURITY DEFINER of lockstep_owner, who cannot log in, with a pinned search_path')
FROM   pg_proc f WHERE f.pronamespace = 'vault'::regnamespace;
SELECT tap.ok(array_agg(pg_get_function_identity_arguments(f.oid) || ' -> ' || f.prorettype::regtype::text ORDER BY f.proname) = ARRAY[
               'p_secret_id uuid -> void', 'p_secret_id uuid -> text', 'p_secret_id uuid, p_new_secret text -> void',
               'p_name text, p_secret text, p_description text -> uuid'], 'the four functions have the signatures of the contract, and no overload')
FROM   pg_proc f WHERE f.pronamespace = 'vault'::regnamespace AND f.proname LIKE '%\_credential';
SELECT tap.ok(count(*) = 0, 'nobody but the owner and service_role may execute any function of the schema, PUBLIC least of all')
FROM   pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
WHERE  f.pronamespace = 'vault'::regnamespace AND a.grantee NOT IN ('lockstep_owner'::regrole, 'service_role'::regrole);
SELECT tap.ok(bool_and(obj_description(f.oid, 'pg_proc') ~ 'Security model'), 'each tells its security model in a comment')
FROM   pg_proc f WHERE f.pronamespace = 'vault'::regnamespace;
SELECT tap.ok(count(*) = 0, 'no role may execute what handles keys')
FROM   pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
WHERE  f.oid::regprocedure::text ~ '^lockstep\.(vault_keys|seal_vault_secret|open_vault_secret|log_vault_access)\(' AND a.grantee <> 'lockstep_owner'::regrole;

-- Without a key
SET LOCAL ROLE service_role;
SELECT tap.throws($$SELECT vault.store_credential('a', 'value')$$, '55000', 'storing without a root key is 55000');
SELECT tap.says($$SELECT vault.store_credential('a', 'value')$$, '^vault_locked: ', 'and says vault_locked');
SELECT set_config('lockstep.vault_key', 'not a key', true);
SELECT tap.throws($$SELECT vault.store_credential('a', 'value')$$, '55000', 'a key that is none is refused');
SELECT set_config('lockstep.vault_key', encode(decode(repeat('00', 32), 'hex'), 'base64'), true);
SELECT tap.throws($$SELECT vault.store_credential('a', 'value')$$, '55000', 'a key of zeros is no key');

-- What is stored comes back byte for byte
SELECT set_config('lockstep.vault_key', tap.key(1), true);
INSERT INTO kept SELECT 'plain', vault.store_credential('mail', 'correct horse');
INSERT INTO kept SELECT 'empty', vault.store_credential('mail', '', 'an empty one');
INSERT INTO kept SELECT 'long', vault.store_credential('mail', repeat('x', 65536));
INSERT INTO kept SELECT 'emoji', vault.store_credential('mail', E'\U0001F511 schl\u00fcssel \u0645\u0641\u062a\u0627\u062d');
INSERT INTO kept SELECT 'sealed', vault.store_credential('mail', 'vault:v1:AAAA');
SELECT tap.ok(count(DISTINCT id) = 5, 'names are not unique: five secrets of one name') FROM kept;
SELECT tap.ok(vault.retrieve_credential(id) = 'correct horse', 'a secret comes back') FROM kept WHERE what = 'plain';
SELECT tap.ok(vault.retrieve_credential(id) = '', 'an empty secret comes back empty') FROM kept WHERE what = 'empty';
SELECT tap.ok(vault.retrieve_credential(id) = repeat('x', 65536), '64 KiB come back') FROM kept WHERE what = 'long';
SELECT tap.ok(vault.retrieve_credential(id) = E'\U0001F511 schl\u00fcssel \u0645\u0641\u062a\u0627\u062d', 'emoji come back') FROM kept WHERE what = 'emoji';
SELECT tap.ok(vault.retrieve_credential(id) = 'vault:v1:AAAA', 'what looks like a ciphertext comes back as it was') FROM kept WHERE what = 'sealed';
SELECT tap.throws(format('SELECT vault.store_credential(%L, %L)', 'n', repeat('x', 65537)), '22001', 'more than 64 KiB is refused');
SELECT tap.ok(s.description = 'an empty one' AND s.name = 'mail' AND s.version = 1, 'service_role reads what describes a secret')
FROM   vault.secrets s JOIN kept k ON k.id = s.id WHERE k.what = 'empty';
SELECT tap.throws('SELECT sealed FROM vault.secrets', '42501', 'and not its ciphertext');
SELECT tap.throws('DELETE FROM vault.vault_access_log', '42501', 'nor may it change the access log');
SELECT tap.throws('SELECT root FROM lockstep.vault_keys()', '42501', 'nor see a root key');
SELECT tap.throws($$SELECT lockstep.open_vault_secret(gen_random_uuid(), 1, '', '')$$, '42501', 'nor open anything past the log');

-- NULLs and missing ids
SELECT tap.says($$SELECT vault.store_credential(NULL, 'v')$$, '^p_name is null: ', 'a NULL name is told');
SELECT tap.says($$SELECT vault.store_credential('n', NULL)$$, '^p_secret is null: ', 'a NULL secret is told');
SELECT tap.says($$SELECT vault.store_credential('n', 'v', NULL)$$, '^p_description is null: ', 'a NULL description is told');
SELECT tap.says('SELECT vault.retrieve_credential(NULL)', '^p_secret_id is null: ', 'a NULL id to retrieve is told');
SELECT tap.says($$SELECT vault.rotate_credential(NULL, 'v')$$, '^p_secret_id is null: ', 'a NULL id to rotate is told');
SELECT tap.says('SELECT vault.rotate_credential(gen_random_uuid(), NULL)', '^p_new_secret is null: ', 'a NULL new value is told');
SELECT tap.says('SELECT vault.delete_credential(NULL)', '^p_secret_id is null: ', 'a NULL id to delete is told');
SELECT tap.throws('SELECT vault.retrieve_credential(gen_random_uuid())', 'P0002', 'retrieving a missing id raises not found');
SELECT tap.throws($$SELECT vault.rotate_credential(gen_random_uuid(), 'v')$$, 'P0002', 'rotating a missing id raises not found');

-- Rotating and deleting
SELECT vault.rotate_credential(id, 'battery staple') FROM kept WHERE what = 'plain';
SELECT tap.ok(vault.retrieve_credential(id) = 'battery staple', 'rotating keeps the id and changes the value') FROM kept WHERE what = 'plain';
SELECT tap.ok(s.version = 2, 'the version counts') FROM vault.secrets s JOIN kept k ON k.id = s.id WHERE k.what = 'plain';
SELECT vault.delete_credential(id) FROM kept WHERE what = 'sealed';
SELECT tap.throws(format('SELECT vault.retrieve_credential(%L)', id), 'P0002', 'a deleted secret is not found') FROM kept WHERE what = 'sealed';
SELECT vault.delete_credential(id) FROM kept WHERE what = 'sealed';
SELECT tap.ok(true, 'deleting again is no error');

-- The access log
SELECT set_config('request.jwt.claims', '{"role": "service_role", "sub": "backend\nLOG: forged"}', true);
SELECT count(vault.retrieve_credential(id)) FROM kept WHERE what = 'emoji' \g /dev/null
SELECT tap.ok(l."session_user" = session_user AND l.role = 'service_role' AND l.jwt_subject = E'backend\nLOG: forged' AND l.pid = pg_backend_pid(),
           'a retrieve is logged with login, role, jwt subject and pid')
FROM   vault.vault_access_log l JOIN kept k ON k.id = l.secret_id WHERE k.what = 'emoji' ORDER BY l.id DESC LIMIT 1;
SELECT tap.ok(count(*) = 2, 'every retrieve is a row') FROM vault.vault_access_log l JOIN kept k ON k.id = l.secret_id WHERE k.what = 'emoji';
SELECT tap.ok(count(*) = 1, 'also of a secret that is deleted by now') FROM vault.vault_access_log l JOIN kept k ON k.id = l.secret_id WHERE k.what = 'sealed';
SELECT set_config('request.jwt.claims', 'not json', true);
SELECT tap.ok(vault.retrieve_credential(id) = '', 'claims that cannot be read do not keep a retrieve from being logged') FROM kept WHERE what = 'empty';
SELECT set_config('request.jwt.claims', '', true);

-- Another key
SELECT set_config('lockstep.vault_key', tap.key(2), true);
SELECT tap.says(format('SELECT vault.retrieve_credential(%L)', id), 'fingerprint [0-9a-f]{16} is not here', 'another root key opens nothing, and says which is needed') FROM kept WHERE what = 'plain';
SELECT tap.throws($$SELECT vault.store_credential('n', 'v')$$, '55000', 'nor does it seal beside secrets that it cannot open');
SELECT tap.throws(format('SELECT vault.rotate_credential(%L, %L)', id, 'v'), '55000', 'nor rotate one') FROM kept WHERE what = 'plain';
SELECT set_config('lockstep.vault_key', tap.key(2) || ',' || tap.key(1), true);
SELECT tap.ok(vault.retrieve_credential(id) = 'battery staple', 'both keys given: the old one opens') FROM kept WHERE what = 'plain';
INSERT INTO kept SELECT 'newer', vault.store_credential('n', 'sealed by the newest');
SELECT set_config('lockstep.vault_key', tap.key(2), true);
SELECT tap.ok(vault.retrieve_credential(id) = 'sealed by the newest', 'and the newest seals') FROM kept WHERE what = 'newer';
SELECT set_config('lockstep.vault_key', tap.key(1) || ',' || tap.key(2), true);

-- Temporary objects and search paths of the caller
CREATE TEMP TABLE secrets (id uuid, version int, key_fingerprint text, sealed bytea);
CREATE TEMP TABLE vault_access_log (id bigint, secret_id uuid);
CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\x00'::bytea $$;
CREATE FUNCTION pg_temp.convert_from(bytea, name) RETURNS text LANGUAGE sql AS $$ SELECT 'shadowed'::text $$;
CREATE FUNCTION pg_temp.nextval(regclass) RETURNS bigint LANGUAGE sql AS $$ SELECT 1::bigint $$;
CREATE FUNCTION pg_temp.never(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.never);
CREATE DOMAIN pg_temp.uuid AS text;
SET LOCAL search_path = pg_temp, pg_catalog;
SELECT tap.ok(vault.retrieve_credential(id) OPERATOR(pg_catalog.=) 'battery staple', 'temporary tables, functions, operators and types of the caller shadow nothing')
FROM   kept WHERE what OPERATOR(pg_catalog.=) 'plain';
SET LOCAL search_path = '';
SELECT tap.ok(vault.retrieve_credential(id) = 'battery staple', 'an empty search_path changes nothing') FROM pg_temp.kept WHERE what = 'plain';
RESET search_path;
DROP TABLE secrets, vault_access_log;
DROP DOMAIN pg_temp.uuid;
DROP OPERATOR pg_temp.= (uuid, uuid);
SET LOCAL row_security = off;
SELECT tap.throws(format('SELECT vault.retrieve_credential(%L)', id), '42501', 'row_security = off lifts nothing: the call fails') FROM kept WHERE what = 'plain';
SET LOCAL row_security = on;

-- The row changed or moved
RESET ROLE;
CREATE TEMP TABLE before AS SELECT s.* FROM vault.secrets s;
CREATE FUNCTION tap.tampered(change text, told text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    SET LOCAL ROLE service_role;
    RETURN NEXT (SELECT tap.throws(format('SELECT vault.retrieve_credential(%L)', id), 'XX001', told) FROM kept k WHERE k.what = 'plain');
    RESET ROLE;
    UPDATE vault.secrets s SET version = b.version, key_fingerprint = b.key_fingerprint, sealed = b.sealed FROM before b WHERE b.id = s.id;
END $$;
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)$$, 'one bit of the iv');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)$$, 'one bit of the mac');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = set_byte(sealed, 48, get_byte(sealed, 48) # 1)$$, 'one bit of the ciphertext');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = substring(sealed FROM 1 FOR octet_length(sealed) - 1)$$, 'a byte less');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = sealed || '\x00'::bytea$$, 'a byte more');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = '\x'::bytea$$, 'nothing left');
SELECT tap.tampered($$UPDATE vault.secrets SET sealed = substring(sealed FROM 1 FOR 48)$$, 'no ciphertext left');
SELECT tap.tampered($$UPDATE vault.secrets SET version = version + 1$$, 'another version');
SELECT tap.tampered($$UPDATE vault.secrets s SET sealed = o.sealed, version = o.version, key_fingerprint = o.key_fingerprint FROM vault.secrets o, kept k WHERE k.what = 'emoji' AND o.id = k.id$$,
           'another secret''s ciphertext in its place');
SET LOCAL ROLE service_role;
SELECT tap.ok(vault.retrieve_credential(id) = 'battery staple', 'and as it was, it opens') FROM kept WHERE what = 'plain';

-- Everybody else
SET LOCAL ROLE authenticated;
SELECT tap.throws($$SELECT vault.store_credential('n', 'v')$$, '42501', 'authenticated may not store');
SELECT tap.throws('SELECT vault.retrieve_credential(gen_random_uuid())', '42501', 'nor retrieve');
SELECT tap.throws($$SELECT vault.rotate_credential(gen_random_uuid(), 'v')$$, '42501', 'nor rotate');
SELECT tap.throws('SELECT vault.delete_credential(gen_random_uuid())', '42501', 'nor delete');
SELECT tap.throws('SELECT 1 FROM vault.secrets', '42501', 'nor look at the table');
SET LOCAL ROLE anon;
SELECT tap.throws('SELECT vault.retrieve_credential(gen_random_uuid())', '42501', 'anon may not retrieve');
SELECT tap.throws('SELECT 1 FROM vault.vault_access_log', '42501', 'nor look at the log');
SET LOCAL ROLE lockstep_app;
SELECT tap.throws('SELECT vault.retrieve_credential(gen_random_uuid())', '42501', 'nor does the login that serves users');
SELECT tap.throws('SELECT lockstep.retrieve_for_integration(gen_random_uuid(), NULL)', '42501', 'not even for an integration');
SET LOCAL ROLE lockstep_owner;
SELECT tap.ok(vault.retrieve_credential(id) = 'battery staple', 'the owner, who cannot log in, may') FROM kept WHERE what = 'plain';
SELECT tap.ok(l.role = 'lockstep_owner', 'and is logged like everybody') FROM vault.vault_access_log l ORDER BY l.id DESC LIMIT 1;

SELECT '1..' || current_setting('tap.n');
ROLLBACK;
