using NodaTime;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>Typed reads of nullable columns and instants.</summary>
internal static class Rows
{
    public static Instant GetInstant(this NpgsqlDataReader row, int column) =>
        Instant.FromDateTimeUtc(row.GetFieldValue<DateTime>(column));

    public static Instant? GetInstantOrNull(this NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetInstant(column);

    public static string? GetStringOrNull(this NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);

    public static Guid? GetGuidOrNull(this NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetGuid(column);

    public static int? GetInt32OrNull(this NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetInt32(column);

    public static byte[] GetBytes(this NpgsqlDataReader row, int column) => row.GetFieldValue<byte[]>(column);
}
