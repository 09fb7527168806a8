-- The keys of webhooks that Transit sealed (LOCKSTEP_SEALING=direct) are counted and sealed anew as values are, and Transit gets those that were made while it was away.

ALTER TABLE lockstep.webhook_secrets ADD COLUMN pending_rewrap boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN lockstep.webhook_secrets.pending_rewrap IS 'Sealed by a data key because Transit was away: Transit is to seal it when it is back.';
CREATE INDEX webhook_secrets_pending_idx ON lockstep.webhook_secrets (webhook_id) WHERE pending_rewrap;

DROP FUNCTION lockstep.seals_to_renew(uuid, integer, integer, boolean);
CREATE FUNCTION lockstep.seals_to_renew(p_after uuid, p_after_version integer, p_limit integer, p_pending boolean) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, encrypted_value text, key_provider text, key_id text, key_version integer,
    format text, data_key_id uuid, data_key_version integer, wrapped_provider text, wrapped_key_version text, wrapped_key text, field text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_pending THEN
        RETURN QUERY
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format,
               k.id, k.version, k.provider, k.key_version, k.wrapped_key, s.field
        FROM  (SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_provider::text AS key_provider, c.key_id, c.key_version, c.format,
                      c.data_key_id, 'value' AS field
               FROM   lockstep.credentials c
               WHERE  c.pending_rewrap
               UNION  ALL
               SELECT w.id, w.user_id, w.workspace_id, x.version, x.encrypted_value, x.key_provider, x.key_id, x.key_version, x.format,
                      x.data_key_id, 'webhook_secret'
               FROM   lockstep.webhook_secrets x
               JOIN   lockstep.webhooks w ON w.id = x.webhook_id
               WHERE  x.pending_rewrap) s
        JOIN   lockstep.data_keys k ON k.id = s.data_key_id
        WHERE  p_after IS NULL OR (s.id, s.version) > (p_after, p_after_version)
        ORDER  BY s.id, s.version
        LIMIT  p_limit;
    ELSE
        RETURN QUERY
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, 'transit', s.key_id, s.key_version, s.format,
               NULL::uuid, NULL::integer, NULL::text, NULL::text, NULL::text, s.field
        FROM  (SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_id, c.key_version, c.format, 'value' AS field
               FROM   lockstep.credentials c
               WHERE  c.key_provider = 'transit'
               UNION  ALL
               SELECT c.id, c.user_id, c.workspace_id, v.version, v.encrypted_value, v.key_id, v.key_version, v.format, 'value'
               FROM   lockstep.credential_versions v
               JOIN   lockstep.credentials c ON c.id = v.credential_id
               WHERE  v.key_provider = 'transit'
               UNION  ALL
               SELECT w.id, w.user_id, w.workspace_id, x.version, x.encrypted_value, x.key_id, x.key_version, x.format, 'webhook_secret'
               FROM   lockstep.webhook_secrets x
               JOIN   lockstep.webhooks w ON w.id = x.webhook_id
               WHERE  x.key_provider = 'transit') s
        WHERE  p_after IS NULL OR (s.id, s.version) > (p_after, p_after_version)
        ORDER  BY s.id, s.version
        LIMIT  p_limit;
    END IF;
END $$;
COMMENT ON FUNCTION lockstep.seals_to_renew(uuid, integer, integer, boolean) IS
    'Sealed values of all tenants, and keys of webhooks, by id and version: with p_pending those that wait for Transit (and the data key that sealed them), else those that Transit sealed, former ones too. SECURITY DEFINER: service login only; ciphertext alone.';
REVOKE ALL ON FUNCTION lockstep.seals_to_renew(uuid, integer, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.seals_to_renew(uuid, integer, integer, boolean) TO lockstep_service;

CREATE OR REPLACE FUNCTION lockstep.replace_seals(
    p_ids uuid[], p_versions integer[], p_before text[], p_key_ids text[], p_key_versions integer[], p_formats text[], p_sealed text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT * FROM unnest(p_ids, p_versions, p_before, p_key_ids, p_key_versions, p_formats, p_sealed)
               AS n (id, version, before, key_id, key_version, format, sealed)),
    present AS (
        UPDATE lockstep.credentials c
        SET    encrypted_value = n.sealed, key_provider = 'transit', data_key_id = NULL, key_id = n.key_id,
               key_version = n.key_version, format = n.format, pending_rewrap = false
        FROM   n
        WHERE  c.id = n.id AND c.version = n.version AND c.encrypted_value = n.before
        RETURNING c.id),
    former AS (
        UPDATE lockstep.credential_versions v
        SET    encrypted_value = n.sealed, key_provider = 'transit', data_key_id = NULL, key_id = n.key_id,
               key_version = n.key_version, format = n.format
        FROM   n
        WHERE  v.credential_id = n.id AND v.version = n.version AND v.encrypted_value = n.before
        RETURNING v.credential_id),
    signing AS (
        UPDATE lockstep.webhook_secrets w
        SET    encrypted_value = n.sealed, key_provider = 'transit', data_key_id = NULL, key_id = n.key_id,
               key_version = n.key_version, format = n.format, pending_rewrap = false
        FROM   n
        WHERE  w.webhook_id = n.id AND w.version = n.version AND w.encrypted_value = n.before
        RETURNING w.webhook_id)
    SELECT (SELECT count(*) FROM present) + (SELECT count(*) FROM former) + (SELECT count(*) FROM signing)
$$;

CREATE OR REPLACE FUNCTION lockstep.rewrap_backlog() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT count(*) FROM lockstep.data_keys k WHERE k.pending_rewrap)
         + (SELECT count(*) FROM lockstep.credentials c WHERE c.pending_rewrap)
         + (SELECT count(*) FROM lockstep.webhook_secrets w WHERE w.pending_rewrap)
$$;

CREATE OR REPLACE FUNCTION lockstep.keys_in_use() RETURNS TABLE (provider text, key_version text, data_keys bigint, sealed_values bigint, tenants bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH used AS (
        SELECT u.data_key_id, sum(u.n) AS n
        FROM  (SELECT c.data_key_id, count(*) AS n FROM lockstep.credentials c WHERE c.data_key_id IS NOT NULL GROUP BY 1
               UNION ALL
               SELECT v.data_key_id, count(*) FROM lockstep.credential_versions v WHERE v.data_key_id IS NOT NULL GROUP BY 1
               UNION ALL
               SELECT w.data_key_id, count(*) FROM lockstep.webhook_secrets w WHERE w.data_key_id IS NOT NULL GROUP BY 1) u
        GROUP BY 1)
    SELECT k.provider, k.key_version, count(*), coalesce(sum(u.n), 0)::bigint, count(DISTINCT k.tenant)
    FROM   lockstep.data_keys k
    LEFT   JOIN used u ON u.data_key_id = k.id
    GROUP  BY k.provider, k.key_version
    UNION  ALL
    SELECT 'transit-value', d.key_id || ':' || d.key_version, 0::bigint, count(*), count(DISTINCT d.tenant)
    FROM  (SELECT c.key_id, c.key_version, c.tenant FROM lockstep.credentials c WHERE c.key_provider = 'transit'
           UNION ALL
           SELECT v.key_id, v.key_version, c.tenant
           FROM   lockstep.credential_versions v JOIN lockstep.credentials c ON c.id = v.credential_id WHERE v.key_provider = 'transit'
           UNION ALL
           SELECT x.key_id, x.key_version, coalesce('user:' || w.user_id::text, 'workspace:' || w.workspace_id::text)
           FROM   lockstep.webhook_secrets x JOIN lockstep.webhooks w ON w.id = x.webhook_id WHERE x.key_provider = 'transit') d
    GROUP  BY d.key_id, d.key_version
    ORDER  BY 1, 2;
END $$;
