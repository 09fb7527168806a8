using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Booking;

/// <summary>What storing a provider came to.</summary>
internal enum ProviderOutcome
{
    /// <summary>It is as asked.</summary>
    Stored,

    /// <summary>Somebody else has the slug.</summary>
    SlugTaken,

    /// <summary>A value looks like a secret; nothing was stored.</summary>
    HoldsSecret,
}

/// <summary>The caller's provider.</summary>
internal static class ProviderStore
{
    /// <returns>Null when nothing was set yet.</returns>
    public static Task<Provider?> Read(TenantSession session, CancellationToken ct) => session.First(Select(session.Caller.RequiredUser), Read, ct);

    public static Statement Select(UserId owner) => new(
        """
        SELECT public_slug, is_public, timezone, settings
        FROM   lockstep.providers
        WHERE  owner_user_id = $1
        """,
        owner.Value);

    public static Provider Read(NpgsqlDataReader row) => new(row.GetStringOrNull(0), row.GetBoolean(1), row.GetString(2), Settings(row.GetString(3)));

    public static async Task<ProviderOutcome> Write(TenantSession session, Provider provider, CancellationToken ct)
    {
        try
        {
            await session.Execute(Upsert(session, provider), ct);
            return ProviderOutcome.Stored;
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "providers_public_slug_key" })
        {
            return ProviderOutcome.SlugTaken;
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: "providers_plaintext_check" })
        {
            return ProviderOutcome.HoldsSecret;
        }
    }

    public static ProviderSettings Settings(string json) => JsonSerializer.Deserialize<ProviderSettings>(json, StrictJson.Options)!;

    private static Statement Upsert(TenantSession session, Provider provider) => new(
        """
        WITH stored AS (
            INSERT INTO lockstep.providers AS p (id, owner_user_id, public_slug, is_public, timezone, settings)
            VALUES ($1, $2, $3, $4, $5, $6::jsonb)
            ON CONFLICT (owner_user_id) DO UPDATE
            SET    public_slug = excluded.public_slug, is_public = excluded.is_public, timezone = excluded.timezone, settings = excluded.settings
            RETURNING p.id, p.owner_user_id, p.public_slug, p.is_public),
        audit AS (
            SELECT lockstep.record_activity(s.owner_user_id, NULL, 'PROVIDER_SET', 'provider', s.id,
                       jsonb_build_object('publicSlug', s.public_slug, 'isPublic', s.is_public))
            FROM   stored s)
        SELECT s.id FROM stored s, audit
        """,
        Guid.CreateVersion7(),
        session.Caller.RequiredUser.Value,
        provider.PublicSlug,
        provider.IsPublic,
        provider.Timezone,
        JsonSerializer.Serialize(provider.Settings, StrictJson.Options));
}
