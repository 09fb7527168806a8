-- What waits for the key provider is read page by page, and each page used to sort all of it: 28,000 values took longer to find than to seal.
-- Now every kind gives its own page by its own index, and the pages are put together.

CREATE OR REPLACE FUNCTION lockstep.wrapped_keys(p_after uuid, p_limit integer, p_pending boolean) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, provider text, key_version text, wrapped_key text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
BEGIN
    IF p_pending THEN
        RETURN QUERY
        SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key
        FROM   lockstep.data_keys k
        WHERE  k.pending_rewrap AND k.id > after
        ORDER  BY k.id
        LIMIT  p_limit;
    ELSE
        RETURN QUERY
        SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key
        FROM   lockstep.data_keys k
        WHERE  k.id > after
        ORDER  BY k.id
        LIMIT  p_limit;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION lockstep.seals_to_renew(p_after uuid, p_after_version integer, p_limit integer, p_pending boolean) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, encrypted_value text, key_provider text, key_id text, key_version integer,
    format text, data_key_id uuid, data_key_version integer, wrapped_provider text, wrapped_key_version text, wrapped_key text, field text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after         uuid    := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    after_version integer := coalesce(p_after_version, 0);
BEGIN
    IF p_pending THEN
        RETURN QUERY
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format,
               k.id, k.version, k.provider, k.key_version, k.wrapped_key, s.field
        FROM  (SELECT * FROM
                  ((SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_provider::text AS key_provider, c.key_id, c.key_version, c.format,
                           c.data_key_id, 'value' AS field
                    FROM   lockstep.credentials c
                    WHERE  c.pending_rewrap AND c.id >= after AND (c.id, c.version) > (after, after_version)
                    ORDER  BY c.id
                    LIMIT  p_limit)
                   UNION  ALL
                   (SELECT w.id, w.user_id, w.workspace_id, x.version, x.encrypted_value, x.key_provider, x.key_id, x.key_version, x.format,
                           x.data_key_id, 'webhook_secret'
                    FROM   lockstep.webhook_secrets x
                    JOIN   lockstep.webhooks w ON w.id = x.webhook_id
                    WHERE  x.pending_rewrap AND x.webhook_id >= after AND (x.webhook_id, x.version) > (after, after_version)
                    ORDER  BY x.webhook_id, x.version
                    LIMIT  p_limit)) each
               ORDER  BY each.id, each.version
               LIMIT  p_limit) s
        CROSS  JOIN LATERAL (SELECT d.id, d.version, d.provider, d.key_version, d.wrapped_key FROM lockstep.data_keys d WHERE d.id = s.data_key_id OFFSET 0) k
        ORDER  BY s.id, s.version;
    ELSE
        RETURN QUERY
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, 'transit', s.key_id, s.key_version, s.format,
               NULL::uuid, NULL::integer, NULL::text, NULL::text, NULL::text, s.field
        FROM  ((SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_id, c.key_version, c.format, 'value' AS field
                FROM   lockstep.credentials c
                WHERE  c.key_provider = 'transit' AND c.id >= after AND (c.id, c.version) > (after, after_version)
                ORDER  BY c.id
                LIMIT  p_limit)
               UNION  ALL
               (SELECT c.id, c.user_id, c.workspace_id, v.version, v.encrypted_value, v.key_id, v.key_version, v.format, 'value'
                FROM   lockstep.credential_versions v
                JOIN   lockstep.credentials c ON c.id = v.credential_id
                WHERE  v.key_provider = 'transit' AND v.credential_id >= after AND (v.credential_id, v.version) > (after, after_version)
                ORDER  BY v.credential_id, v.version
                LIMIT  p_limit)
               UNION  ALL
               (SELECT w.id, w.user_id, w.workspace_id, x.version, x.encrypted_value, x.key_id, x.key_version, x.format, 'webhook_secret'
                FROM   lockstep.webhook_secrets x
                JOIN   lockstep.webhooks w ON w.id = x.webhook_id
                WHERE  x.key_provider = 'transit' AND x.webhook_id >= after AND (x.webhook_id, x.version) > (after, after_version)
                ORDER  BY x.webhook_id, x.version
                LIMIT  p_limit)) s
        ORDER  BY s.id, s.version
        LIMIT  p_limit;
    END IF;
END $$;
