using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Vault.Reveals;

/// <summary>How many different credentials of one owner an actor may reveal in a while before it is stopped.</summary>
/// <param name="Most"><c>LOCKSTEP_BULK_READ_LIMIT</c>, 0 for no limit; default 100.</param>
/// <param name="Window"><c>LOCKSTEP_BULK_READ_WINDOW</c>, in seconds; default 600.</param>
/// <param name="Block"><c>LOCKSTEP_BULK_READ_BLOCK</c>, in seconds: how long one that did is stopped; default 3600.</param>
internal sealed record BulkReadOptions(int Most = 100, int Window = 600, int Block = 3600)
{
    public static readonly BulkReadOptions Off = new(Most: 0);
}

/// <summary>Who was stopped.</summary>
/// <param name="Credentials">How many different ones there were with the one that was refused.</param>
/// <param name="ReleasedBy">Who let them go on before the time was over; null otherwise.</param>
internal sealed record RevealBlockView(
    Guid Id, string Actor, Guid? UserId, Guid? WorkspaceId, int Credentials, Instant BlockedAt, Instant BlockedUntil, Instant? ReleasedAt, string? ReleasedBy);

/// <summary>
/// The breaker of bulk reads, over all nodes. Counting is a trigger on the line of the audit, so in the statement that reveals; this is what happens
/// when it has struck.
/// </summary>
internal static class BulkReads
{
    /// <summary>SQLSTATE of <c>lockstep.brake_reveals</c>; the statement was taken back.</summary>
    public const string SqlState = "LS001";

    /// <summary>Blocks the caller, with a line of the audit, unless it is blocked already.</summary>
    /// <returns>Until when.</returns>
    public static async Task<Instant> Block(TenantSession session, CredentialId id, CancellationToken ct) => (await session.Query(
        new Statement("SELECT lockstep.block_bulk_reads($1)", id.Value), row => row.GetInstant(0), ct))[0];

    /// <summary>Newest first, those whose time is over too.</summary>
    public static Task<List<RevealBlockView>> List(TenantSession session, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT b.id, b.actor, b.user_id, b.workspace_id, b.credentials, b.blocked_at, b.blocked_until, b.released_at, b.released_by
            FROM   lockstep.reveal_blocks b
            ORDER  BY b.blocked_at DESC
            LIMIT  200
            """),
        row => new RevealBlockView(
            row.GetGuid(0), row.GetString(1), row.GetGuidOrNull(2), row.GetGuidOrNull(3), row.GetInt32(4), row.GetInstant(5), row.GetInstant(6),
            row.GetInstantOrNull(7), row.GetStringOrNull(8)),
        ct);

    /// <returns>released, not_found, or own_block.</returns>
    public static async Task<string> Release(TenantSession session, Guid id, CancellationToken ct) => (await session.Query(
        new Statement("SELECT lockstep.release_bulk_reads($1)", id), row => row.GetString(0), ct))[0];

    /// <summary>Says the limits to the database, for all nodes.</summary>
    public static Task SetLimits(TenantSession session, BulkReadOptions options, CancellationToken ct) => session.Query(
        new Statement("SELECT lockstep.set_reveal_limits($1, $2, $3)", options.Most, options.Window, options.Block), row => row.GetBoolean(0), ct);
}
