using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>Makes, lists and revokes tokens, for the user whose they are and the admins of the workspace whose they are.</summary>
internal sealed class ApiTokenStore(ApiTokenLookup lookup, TimeProvider time)
{
    /// <summary>Live ones, of one user or one workspace.</summary>
    public const int MostPerOwner = 100;

    public async Task<CreateTokenOutcome> Create(TenantSession session, NewApiToken wanted, CancellationToken ct)
    {
        var errors = ApiTokenRules.Check(wanted, Instant.FromDateTimeOffset(time.GetUtcNow()));
        if (!errors.Any && wanted.CredentialIds is { } ids && !await KnowsAll(session, wanted.WorkspaceId, ids, ct))
            errors.Add("credentialIds", "names a credential that is not there for the owner of this token.");
        if (errors.Any)
            return new CreateTokenOutcome.Invalid(errors.All);
        var text = ApiTokenText.New();
        try
        {
            return await session.First(Insert(session.Caller, wanted, text), ApiTokenView.Read, ct) is { } made
                ? new CreateTokenOutcome.Created(text, made)
                : new CreateTokenOutcome.TooMany();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // Row-level security: no admin of that workspace.
            return new CreateTokenOutcome.UnknownWorkspace();
        }
    }

    /// <summary>Revoked and expired ones too, oldest first, never a token.</summary>
    public static async Task<Page<ApiTokenView>> List(TenantSession session, Guid? workspace, Guid? after, int limit, CancellationToken ct)
    {
        var found = await session.Query(
            new Statement(
                """
                SELECT t.id, t.name, t.hint, t.workspace_id, t.scopes, t.credential_ids, t.providers, t.created_by, t.created_at, t.expires_at,
                       t.last_used_at, t.revoked_at
                FROM   lockstep.api_tokens t
                WHERE  (t.user_id = $1 OR t.workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
                AND    ($2::uuid IS NULL OR t.workspace_id = $2)
                AND    ($3::uuid IS NULL OR t.id > $3)
                ORDER  BY t.id
                LIMIT  $4
                """,
                session.Caller.RequiredUser.Value, workspace, after, limit + 1),
            ApiTokenView.Read,
            ct);
        return found.Count > limit ? new(found[..limit], found[limit - 1].Id.ToString()) : new(found, null);
    }

    /// <summary>For good, and idempotent: only the first time is audited.</summary>
    /// <returns>False when there is no such token of the caller's.</returns>
    public async Task<bool> Revoke(TenantSession session, Guid id, CancellationToken ct)
    {
        var revoked = await session.First(
            new Statement(
                """
                WITH head AS (
                    SELECT t.id, t.user_id, t.workspace_id, t.name, t.revoked_at
                    FROM   lockstep.api_tokens t
                    WHERE  t.id = $1
                    AND    (t.user_id = $2 OR t.workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
                    FOR    NO KEY UPDATE),
                put AS (
                    UPDATE lockstep.api_tokens t
                    SET    revoked_at = clock_timestamp()
                    FROM   head h
                    WHERE  t.id = h.id AND h.revoked_at IS NULL
                    RETURNING t.id, h.user_id, h.workspace_id, h.name),
                audit AS (
                    SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'API_TOKEN_REVOKED', 'api_token', p.id, jsonb_build_object('name', p.name)) AS seq
                    FROM   put p)
                SELECT h.id::text, a.seq
                FROM   head h
                LEFT   JOIN audit a ON true
                """,
                id, session.Caller.RequiredUser.Value),
            row => row.GetString(0),
            ct);
        lookup.Forget(id);
        return revoked is not null;
    }

    private static Statement Insert(Caller caller, NewApiToken wanted, string text) => new(
        """
        WITH made AS (
            INSERT INTO lockstep.api_tokens
                   (id, user_id, workspace_id, name, hash, hint, scopes, credential_ids, providers, created_by, expires_at)
            SELECT $1, $2::uuid, $3::uuid, $4, $5, $6, $7::text[], $8::uuid[], $9::text[], $10::uuid, $11::timestamptz
            WHERE  (SELECT count(*)
                    FROM   lockstep.api_tokens t
                    WHERE  (t.user_id = $2::uuid OR t.workspace_id = $3::uuid)
                    AND    t.revoked_at IS NULL) < $12
            RETURNING id, name, hint, workspace_id, scopes, credential_ids, providers, created_by, created_at, expires_at, last_used_at, revoked_at, user_id),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'API_TOKEN_CREATED', 'api_token', m.id,
                       jsonb_strip_nulls(jsonb_build_object('name', m.name, 'scopes', m.scopes, 'expiresAt', m.expires_at))) AS seq
            FROM   made m)
        SELECT m.id, m.name, m.hint, m.workspace_id, m.scopes, m.credential_ids, m.providers, m.created_by, m.created_at, m.expires_at,
               m.last_used_at, m.revoked_at, a.seq
        FROM   made m, audit a
        """,
        Guid.CreateVersion7(),
        wanted.WorkspaceId is null ? caller.RequiredUser.Value : null,
        wanted.WorkspaceId,
        wanted.Name,
        ApiTokenText.Hash(text),
        text[^ApiTokenText.HintLength..],
        wanted.Scopes.Distinct(StringComparer.Ordinal).ToArray(),
        wanted.CredentialIds?.ToArray(),
        wanted.Providers?.ToArray(),
        caller.RequiredUser.Value,
        wanted.ExpiresAt,
        MostPerOwner);

    private static async Task<bool> KnowsAll(TenantSession session, Guid? workspace, IReadOnlyList<Guid> ids, CancellationToken ct)
    {
        var wanted = ids.Distinct().ToArray();
        var known = await session.Query(
            new Statement(
                """
                SELECT c.id
                FROM   lockstep.credentials c
                WHERE  c.id = ANY ($1)
                AND    ($2::uuid IS NULL OR c.workspace_id = $2)
                """,
                wanted, workspace),
            row => row.GetGuid(0),
            ct);
        return known.Count == wanted.Length;
    }
}

/// <summary>What came of making a token.</summary>
internal abstract record CreateTokenOutcome
{
    private CreateTokenOutcome() { }

    /// <summary>The only time that the token is told.</summary>
    public sealed class CreatedToken(string text, ApiTokenView token)
    {
        public string Text => text;

        public ApiTokenView Token => token;
    }

    public sealed record Created(CreatedToken Made) : CreateTokenOutcome
    {
        public Created(string text, ApiTokenView token)
            : this(new CreatedToken(text, token))
        {
        }
    }

    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : CreateTokenOutcome;

    /// <summary>There is no such workspace, or the caller is no admin of it.</summary>
    public sealed record UnknownWorkspace : CreateTokenOutcome;

    public sealed record TooMany : CreateTokenOutcome;
}
