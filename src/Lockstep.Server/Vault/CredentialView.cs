using System.Text.Json;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>All that is told of a credential without revealing it.</summary>
/// <param name="MaskedValue">Eight asterisks, with a public vendor prefix before and up to four characters after them where that gives nothing away.</param>
/// <param name="IsActive">False once revoked.</param>
/// <param name="IsExpired">Whether <paramref name="ExpiresAt"/> has come.</param>
/// <param name="LastUsedAt">To the minute.</param>
/// <param name="Version">Counts the values, from 1; rotation and rollback raise it.</param>
internal sealed record CredentialView(
    Guid Id,
    string Name,
    string Provider,
    CredentialType Type,
    CredentialScope Scope,
    Guid? WorkspaceId,
    string MaskedValue,
    string? Description,
    JsonElement Metadata,
    Instant? ExpiresAt,
    bool IsActive,
    bool IsExpired,
    Instant? LastUsedAt,
    Instant? RotatedAt,
    int Version,
    Guid? CreatedBy,
    Instant CreatedAt,
    Instant UpdatedAt)
{
    /// <summary>Reads the columns in the order in which every statement of <see cref="CredentialRows"/> and <see cref="SealedRows"/> lists them.</summary>
    public static CredentialView Read(NpgsqlDataReader row, Instant now)
    {
        var expiresAt = row.GetInstantOrNull(9);
        return new(
            row.GetGuid(0),
            row.GetString(1),
            row.GetString(2),
            Enum.Parse<CredentialType>(row.GetString(3)),
            Enum.Parse<CredentialScope>(row.GetString(4)),
            row.GetGuidOrNull(5),
            row.GetString(6),
            row.GetStringOrNull(7),
            JsonSerializer.Deserialize<JsonElement>(row.GetString(8)),
            expiresAt,
            row.GetBoolean(10),
            expiresAt <= now,
            row.GetInstantOrNull(11),
            row.GetInstantOrNull(12),
            row.GetInt32(13),
            row.GetGuidOrNull(14),
            row.GetInstant(15),
            row.GetInstant(16));
    }
}

/// <summary>One value that a credential has or had.</summary>
/// <param name="ValidFrom">When it was stored.</param>
/// <param name="ReplacedAt">Null for the one in use.</param>
/// <param name="GraceUntil">Until then a former one is revealed to who asks for its version; null: it is not.</param>
internal sealed record CredentialVersionView(int Version, string MaskedValue, Instant ValidFrom, Instant? ReplacedAt, Instant? GraceUntil, bool IsCurrent);
