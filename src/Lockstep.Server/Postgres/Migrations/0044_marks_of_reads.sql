-- As in 0030, with a hash that the server can make too: who has read up to such a mark by itself need not be woken for it.
CREATE OR REPLACE FUNCTION lockstep.scope_marks(p_users uuid[]) RETURNS TABLE (user_id uuid, mark bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.user_id, coalesce(('x' || encode(substr(sha256(convert_to(m.heads, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint, 0)
    FROM  (SELECT u.user_id, string_agg(x.scope_id::text || ' ' || x.head || ' ' || x.epoch, ',' ORDER BY x.scope_id) AS heads
           FROM   unnest(p_users) u(user_id)
           LEFT   JOIN LATERAL (
                  SELECT s.scope_id, s.head, s.epoch FROM lockstep.sync_scopes s WHERE s.user_id = u.user_id
                  UNION ALL
                  SELECT s.scope_id, s.head, s.epoch
                  FROM   lockstep.workspace_members m
                  JOIN   lockstep.sync_scopes s ON s.workspace_id = m.workspace_id
                  WHERE  m.user_id = u.user_id) x ON true
           GROUP  BY u.user_id) m;
END $$;
COMMENT ON FUNCTION lockstep.scope_marks(uuid[]) IS
    'A number for each user that is another one when a head, an epoch or a membership changes: the first 8 bytes of SHA-256 over "scope head epoch" of each scope in order, with commas; 0 for none. SECURITY DEFINER: service login only; it tells no content.';
