using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations;

/// <summary>What one run did.</summary>
/// <param name="Id">The run's.</param>
/// <param name="Direction"><c>push</c>, <c>pull</c> or <c>both</c>.</param>
/// <param name="Error">One sentence; null when all went well.</param>
/// <param name="ErrorCode">Stable; null without an error.</param>
internal sealed record SyncLogEntry(
    Guid Id, Instant OccurredAt, string Direction, int ItemsPushed, int ItemsPulled, string? Error, string? ErrorCode, int DurationMs)
{
    public static SyncLogEntry Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetInstant(1), row.GetString(2), row.GetInt32(3), row.GetInt32(4), row.GetStringOrNull(5), row.GetStringOrNull(6),
        row.GetInt32(7));
}
