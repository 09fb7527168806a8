using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>The door to links. Their table is read and written by functions alone; who asks was checked before.</summary>
internal sealed class ConnectSessions(Database database, ConnectOptions options)
{
    /// <summary>Whoever opens a link at its end still has the time to type a password.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(15);

    /// <summary>Longer than storing an integration takes.</summary>
    private static readonly TimeSpan Claimed = TimeSpan.FromSeconds(30);

    /// <summary>Who connected an account may watch its first sync for so long.</summary>
    private static readonly TimeSpan Watched = TimeSpan.FromHours(1);

    /// <returns><c>made</c>, <c>no_user</c>, <c>no_workspace</c> or <c>too_many</c>.</returns>
    public async Task<string> Create(Caller caller, Guid id, UserId user, CheckedConnectRequest wanted, string link, Instant expires, CancellationToken ct) => (await As(caller).Query(
        new Statement("SELECT lockstep.create_connect_session($1, $2, $3::uuid, $4, $5, $6, $7::text, $8, $9)",
            id, user.Value, wanted.Workspace?.Value, ConnectLink.Hash(link), wanted.Types.ToArray(), wanted.ReturnUrl.AbsoluteUri, wanted.State, expires, options.Most),
        row => row.GetString(0), ct))[0];

    /// <param name="user">Null: of anybody, for the service role.</param>
    public async Task<ConnectSessionView?> Get(Caller caller, Guid id, UserId? user, CancellationToken ct) => await As(caller).First(
        new Statement(
            """
            SELECT s.id, s.user_id, s.workspace_id, s.integration_types, s.return_url, s.state, s.status, s.failure, s.integration_id,
                   s.created_at, s.expires_at, s.finished_at
            FROM   lockstep.read_connect_session($1, $2::uuid) s
            """, id, user?.Value),
        ConnectSessionView.Read, ct);

    /// <param name="key">Of the page; null only looks. The first key that comes keeps the link to itself.</param>
    /// <returns>Null for a link that never was.</returns>
    public async Task<ShownLink?> Show(string link, string? key, Caller caller, CancellationToken ct)
    {
        if (ConnectLink.Hash(link) is not { } hash || (key is not null && ConnectLink.Hash(key) is null))
            return null;
        return await As(caller).First(
            new Statement(
                """
                SELECT s.id, s.user_id, s.workspace_id, s.email, s.integration_types, s.return_url, s.state, s.standing, s.outcome, s.integration_id
                FROM   lockstep.use_connect_session($1, $2::bytea, $3) s
                """, hash, ConnectLink.Hash(key), Grace),
            ShownLink.Read, ct);
    }

    /// <summary>Before the link ends: which address shows the first sync.</summary>
    /// <param name="ticket">256 random bits as <see cref="ConnectLink"/> writes them.</param>
    public Task LetWatch(Guid id, string ticket, Caller caller, CancellationToken ct) => As(caller).Query(
        new Statement("SELECT lockstep.let_watch_connect_session($1, $2)", id, ConnectLink.Hash(ticket)), row => row.GetBoolean(0), ct);

    /// <returns>Of an account that was connected; <see cref="LinkStanding.Expired"/> an hour later. Null for an address that never was.</returns>
    public async Task<ShownLink?> Watch(string ticket, Caller caller, CancellationToken ct) => ConnectLink.Hash(ticket) is not { } hash ? null : await As(caller).First(
        new Statement(
            """
            SELECT s.id, s.user_id, s.workspace_id, s.email, s.integration_types, s.return_url, s.state, s.standing, s.outcome, s.integration_id
            FROM   lockstep.watch_connect_session($1, $2) s
            """, hash, Watched),
        ShownLink.Read, ct);

    /// <returns>False when there were too many; the link has then failed for good.</returns>
    public async Task<bool> Try(Guid id, Caller caller, CancellationToken ct)
    {
        var tried = (await As(caller).Query(new Statement("SELECT lockstep.try_connect_session($1)", id), row => row.GetInt32(0), ct))[0];
        if (tried <= options.Attempts)
            return true;
        await Finish(id, "failed", null, "too_many_attempts", caller, ct);
        return false;
    }

    /// <returns>False while another request connects an account with it, or has.</returns>
    public Task<bool> Claim(Guid id, Caller caller, CancellationToken ct) => Claim(id, Claimed, caller, ct);

    public Task Release(Guid id, Caller caller, CancellationToken ct) => Claim(id, TimeSpan.Zero, caller, ct);

    /// <returns>False when it has ended before.</returns>
    public async Task<bool> Finish(Guid id, string outcome, IntegrationId? integration, string? failure, Caller caller, CancellationToken ct) => (await As(caller).Query(
        new Statement("SELECT lockstep.finish_connect_session($1, $2, $3::uuid, $4::text)", id, outcome, integration?.Value, failure),
        row => row.GetBoolean(0), ct))[0];

    private async Task<bool> Claim(Guid id, TimeSpan time, Caller caller, CancellationToken ct) =>
        (await As(caller).Query(new Statement("SELECT lockstep.claim_connect_session($1, $2)", id, time.TotalSeconds), row => row.GetBoolean(0), ct))[0];

    /// <summary>The service login, and in the audit whoever asked.</summary>
    private TenantSession As(Caller caller) =>
        database.For(Caller.Service with { Actor = caller.Actor, Address = caller.Address, RequestId = caller.RequestId });
}
