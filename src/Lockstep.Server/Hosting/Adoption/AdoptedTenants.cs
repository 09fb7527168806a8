using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Users, spaces and their members: made where they are missing, and otherwise left as they are.</summary>
/// <param name="target">Of the migrator's login.</param>
/// <param name="tokens">As the server has them: they say which user a subject is.</param>
internal sealed class AdoptedTenants(NpgsqlDataSource target, AdoptionMap map, JwtOptions tokens)
{
    private const int Page = 500;

    private readonly HashSet<UserId> made = [];
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    /// <summary>Whom a token with this subject will be.</summary>
    public UserId UserOf(string subject) => new(SubjectId.Of(
        new JwtClaims(tokens.Issuer ?? "", subject, JwtClaims.Authenticated, null, false, Instant.MaxValue, null) { SignedByOwnSecret = tokens.Issuer is null }, tokens));

    /// <exception cref="FormatException">A row cannot be read; says which.</exception>
    public async Task Make(SourceTables source, CancellationToken ct)
    {
        if (map.Users is { } users)
            await foreach (var page in Pages(source, users.Table, users.Id, row => (Id: row.Id(users.Id), Email: row.Text(users.Email)), ct))
                await Execute(new Statement(
                    "INSERT INTO auth.users (id, email) SELECT u.id, u.email FROM unnest($1::uuid[], $2::text[]) u(id, email) ON CONFLICT (id) DO NOTHING",
                    page.Select(user => user.Id).ToArray(), page.Select(user => user.Email).ToArray()), asOwner: false, ct);
        if (map.Spaces is { } spaces)
            await foreach (var page in Pages(source, spaces.Table, spaces.Id, row => (Id: row.Text(spaces.Id), Name: row.Optional(spaces.Name)), ct))
                await Execute(MakeSpaces(page), asOwner: true, ct);
        if (map.Members is { } members)
            await foreach (var page in Pages(source, members.Table, members.SpaceId, row => (
                Space: row.Text(members.SpaceId), Subject: row.Text(members.UserId), Role: row.Optional(members.Role), Joined: Joined(row, members)), ct))
            {
                await EnsureUsers(page.Select(member => member.Subject).Distinct(StringComparer.Ordinal).ToDictionary(UserOf), ct);
                await Execute(new Statement(
                    """
                    INSERT INTO lockstep.workspace_members (workspace_id, user_id, role, joined_at)
                    SELECT DISTINCT ON (w.id, m.user_id) w.id, m.user_id, CASE WHEN lower(m.role) IN ('owner', 'admin') THEN lower(m.role) ELSE 'member' END, coalesce(m.joined_at, now())
                    FROM   unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) m(space, user_id, role, joined_at)
                    JOIN   lockstep.workspaces w ON w.external_id = m.space OR w.external_id IS NULL AND w.id::text = m.space
                    ON CONFLICT DO NOTHING
                    """,
                    page.Select(member => member.Space).ToArray(), page.Select(member => UserOf(member.Subject).Value).ToArray(),
                    page.Select(member => member.Role).ToArray(), page.Select(member => member.Joined?.ToDateTimeUtc()).ToArray()), asOwner: true, ct);
            }
    }

    /// <summary>Those that are neither here nor in the source's table of spaces.</summary>
    public async Task<HashSet<string>> UnknownSpaces(SourceTables source, IReadOnlyList<string> spaces, CancellationToken ct)
    {
        var unknown = spaces.Where(space => !known.Contains(space)).ToHashSet(StringComparer.Ordinal);
        if (unknown.Count == 0)
            return unknown;
        await using var connection = await target.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT set_config('role', 'lockstep_owner', true)").ToCommand());
        batch.BatchCommands.Add(new Statement(
            """
            SELECT s.space
            FROM   unnest($1::text[]) s(space)
            WHERE  EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.external_id = s.space)
            OR     EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.id::text = s.space)
            """, (object)unknown.ToArray()).ToCommand());
        await using (var reader = await batch.ExecuteReaderAsync(ct))
        {
            await reader.NextResultAsync(ct);
            known.UnionWith(await reader.ReadAll(row => row.GetString(0), ct));
        }
        unknown.ExceptWith(known);
        if (unknown.Count > 0 && map.Spaces is { } table)
            known.UnionWith((await source.Lookup(table.Table, table.Id, unknown, ct)).Select(row => row.Text(table.Id)));
        unknown.ExceptWith(known);
        return unknown;
    }

    /// <summary>As a first token of theirs would make them.</summary>
    public async Task EnsureUsers(IReadOnlyDictionary<UserId, string> subjects, CancellationToken ct)
    {
        var missing = subjects.Where(user => !made.Contains(user.Key)).ToList();
        if (missing.Count == 0)
            return;
        try
        {
            await Execute(new Statement(
                "SELECT count(lockstep.ensure_user(u.id, $3, u.subject, NULL, false)) FROM unnest($1::uuid[], $2::text[]) u(id, subject)",
                missing.Select(user => user.Key.Value).ToArray(), missing.Select(user => user.Value).ToArray(), tokens.Issuer ?? ""), asOwner: true, ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ForeignKeyViolation)
        {
            throw new AdoptionRefusedException(AdoptionRefusal.NotAllowed, $"Users of the source are not here, and cannot be made here ({e.MessageText}). Bring them into auth.users first, and run this again.", e);
        }
        made.UnionWith(missing.Select(user => user.Key));
    }

    /// <summary>As the mirror of memberships makes them (0030).</summary>
    private static Statement MakeSpaces(IReadOnlyList<(string Id, string? Name)> page) => new(
        """
        INSERT INTO lockstep.workspaces (id, name, slug, external_id)
        SELECT coalesce(s.id, gen_random_uuid()), coalesce(nullif(left(s.name, 200), ''), left(s.space, 200)), 'x-' || left(encode(sha256(convert_to(s.space, 'UTF8')), 'hex'), 40),
               CASE WHEN s.id IS NULL THEN s.space END
        FROM   unnest($1::text[], $2::text[], $3::uuid[]) s(space, name, id)
        WHERE  NOT EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.external_id = s.space)
        AND    NOT EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.id::text = s.space)
        ON CONFLICT DO NOTHING
        """,
        page.Select(space => space.Id).ToArray(), page.Select(space => space.Name).ToArray(),
        page.Select(space => Guid.TryParseExact(space.Id, "D", out var id) && id.ToString() == space.Id ? id : (Guid?)null).ToArray());

    private static Instant? Joined(SourceRow row, MemberSource members) => row.Optional(members.JoinedAt) is not { } text ? null
        : Rfc3339.Read(text) ?? Rfc3339.Read(text + "Z") ?? throw new FormatException($"{members.JoinedAt} is no time");

    private static async IAsyncEnumerable<IReadOnlyList<T>> Pages<T>(
        SourceTables source, string table, string key, Func<SourceRow, T> read, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var page = new List<T>(Page);
        await foreach (var row in source.Rows(table, [key], ct))
        {
            try
            {
                page.Add(read(row));
            }
            catch (FormatException e)
            {
                throw new AdoptionRefusedException(AdoptionRefusal.Mapping, $"{table} {row.Optional(key)}: {e.Message}. Correct that row, and run this again.", e);
            }
            if (page.Count < Page)
                continue;
            yield return page;
            page.Clear();
        }
        if (page.Count > 0)
            yield return page;
    }

    private async Task Execute(Statement statement, bool asOwner, CancellationToken ct)
    {
        await using var connection = await target.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        if (asOwner)
            batch.BatchCommands.Add(new Statement("SELECT set_config('role', 'lockstep_owner', true)").ToCommand());
        batch.BatchCommands.Add(statement.ToCommand());
        await batch.ExecuteNonQueryAsync(ct);
    }
}
