using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>One side of a conflict.</summary>
/// <param name="Ics">The whole resource; null: it was deleted on this side.</param>
internal sealed record ConflictSide(string? Ics, Instant ChangedAt);

/// <summary>Both sides had changed one event; the later change won.</summary>
/// <param name="Winner">local or remote.</param>
/// <param name="RestoredAt">When the loser was brought back; null when it was not.</param>
internal sealed record ConflictView(
    Guid Id, Guid EventId, Guid CalendarId, Guid? MatterId, string Summary, string Winner, ConflictSide Local, ConflictSide Remote,
    Instant OccurredAt, Instant? RestoredAt);

/// <summary>The door to conflicts.</summary>
internal static class ConflictStore
{
    /// <summary>Newest first.</summary>
    /// <returns>Null for an integration that is not there or not the caller's.</returns>
    public static async Task<Page<ConflictView>?> List(
        TenantSession session, IntegrationId integration, Guid? after, int limit, CancellationToken ct)
    {
        var rows = await session.Query(
            new Statement(
                """
                SELECT c.id, c.event_id, c.calendar_id, c.matter_id, c.summary, c.winner, c.local_ics, c.local_at, c.remote_ics, c.remote_at,
                       c.occurred_at, c.restored_at
                FROM   lockstep.integrations i
                LEFT   JOIN lockstep.sync_conflicts c ON c.integration_id = i.id AND ($2::uuid IS NULL OR c.id < $2)
                WHERE  i.id = $1
                ORDER  BY c.id DESC
                LIMIT  $3
                """, integration.Value, after, limit + 1),
            row => row.IsDBNull(0) ? null : Read(row), ct);
        if (rows.Count == 0)
            return null;
        var found = rows.OfType<ConflictView>().ToList();
        return new Page<ConflictView>([.. found.Take(limit)], found.Count > limit ? found[limit - 1].Id.ToString() : null);
    }

    public static Statement One(Guid id) => new(
        """
        SELECT c.id, c.event_id, c.calendar_id, c.matter_id, c.summary, c.winner, c.local_ics, c.local_at, c.remote_ics, c.remote_at,
               c.occurred_at, c.restored_at
        FROM   lockstep.sync_conflicts c
        WHERE  c.id = $1
        """, id);

    public static Statement MarkRestored(Guid id) => new("SELECT lockstep.mark_conflict_restored($1)", id);

    public static ConflictView Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetGuid(1), row.GetGuid(2), row.GetGuidOrNull(3), row.GetString(4), row.GetString(5),
        new ConflictSide(row.GetStringOrNull(6), row.GetInstant(7)),
        new ConflictSide(row.GetStringOrNull(8), row.GetInstant(9)),
        row.GetInstant(10), row.GetInstantOrNull(11));
}
