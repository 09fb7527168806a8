using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations;

/// <summary>Why there is no work on an integration now.</summary>
/// <param name="Reason">One of <see cref="PauseReasons"/>.</param>
/// <param name="Until">Null: until something changes (a new secret, a confirmation).</param>
internal sealed record Pause(string Reason, Instant? Until);

internal static class PauseReasons
{
    /// <summary>The server refused the user name or password.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>The credential was revoked, has expired or is gone.</summary>
    public const string CredentialRevoked = "credential_revoked";

    /// <summary>The server asked for fewer requests.</summary>
    public const string Throttled = "throttled";

    /// <summary>So many events disappeared at once that somebody has to agree.</summary>
    public const string MassDelete = "mass_delete";
}

/// <param name="IntervalSeconds">From 15 seconds to a day.</param>
internal sealed record SyncSchedule(int IntervalSeconds = SyncSchedule.Default)
{
    public const int Default = 60;
    public const int Least = 15;
    public const int Most = 86_400;
}

/// <summary>How fields of the outside service are named here.</summary>
internal sealed record FieldMappings(int Version = 1, IReadOnlyList<FieldMapping>? Mappings = null)
{
    public IReadOnlyList<FieldMapping> Mappings { get; } = Mappings ?? [];
}

internal sealed record FieldMapping(string From, string To, string? Transform = null);

/// <summary>A connected outside service, as its row has it.</summary>
/// <param name="User">Either this or <paramref name="Workspace"/>.</param>
/// <param name="Status"><c>active</c>, <c>disabled</c> or <c>error</c>: what the worker found.</param>
/// <param name="OwnsCredential">The credential was made from the secret given with the integration, and goes with it.</param>
/// <param name="ConfirmedDeletions">How many deletions at once its owner has agreed to.</param>
internal sealed record Integration(
    IntegrationId Id,
    UserId? User,
    WorkspaceId? Workspace,
    string Type,
    string Label,
    bool Enabled,
    string Status,
    IntegrationConfig Config,
    int ConfigVersion,
    FieldMappings FieldMappings,
    SyncSchedule Schedule,
    CredentialId? Credential,
    bool OwnsCredential,
    Pause? Pause,
    int ConfirmedDeletions,
    Instant? LastSyncAt,
    string? LastSyncError,
    string? LastSyncErrorCode,
    Instant NextSyncAt,
    Instant CreatedAt,
    Instant UpdatedAt)
{
    /// <summary>The columns of <see cref="IntegrationRows.Read"/>.</summary>
    /// <remarks>Whatever stands in the JSON columns: a row that cannot be read is an integration in error, and the others of its list are not kept back.</remarks>
    public static Integration Read(NpgsqlDataReader row)
    {
        var (type, enabled) = (row.GetString(3), row.GetBoolean(5));
        var config = ConfigReader.Default.Read(type, row.GetInt16(24), row.GetString(7));
        var (mappings, schedule) = (ConfigReader.Column<FieldMappings>(row.GetString(9)), ConfigReader.Column<SyncSchedule>(row.GetString(10)));
        var unread = config is null ? new UnreadableConfig("config") : mappings is null ? new UnreadableConfig("field_mappings")
            : schedule is null ? new UnreadableConfig("sync_schedule") : null;
        return new(
            new IntegrationId(row.GetGuid(0)),
            row.GetGuidOrNull(1) is { } user ? new UserId(user) : null,
            row.GetGuidOrNull(2) is { } workspace ? new WorkspaceId(workspace) : null,
            type,
            row.GetString(4),
            enabled,
            unread is not null && enabled ? "error" : row.GetString(6),
            unread ?? config!,
            row.GetInt32(8),
            mappings ?? new FieldMappings(),
            schedule ?? new SyncSchedule(),
            row.GetGuidOrNull(11) is { } credential ? new CredentialId(credential) : null,
            row.GetBoolean(12),
            row.GetStringOrNull(13) is { } reason ? new Pause(reason, row.GetInstantOrNull(14)) : null,
            row.GetInt32OrNull(15) ?? 0,
            row.GetInstantOrNull(16),
            unread?.Sentence ?? row.GetStringOrNull(17),
            unread is null ? row.GetStringOrNull(18) : UnreadableConfig.Code,
            row.GetInstant(19),
            row.GetInstant(20),
            row.GetInstant(21))
        {
            VaultSecret = row.GetGuidOrNull(22),
            Failures = row.GetInt32(23),
        };
    }

    /// <summary>The secret of the SQL vault that it signs in with, in place of a credential.</summary>
    public Guid? VaultSecret { get; init; }

    /// <summary>False for one of a type that Lockstep only keeps for software of the owner's.</summary>
    public bool Syncs => IntegrationTypes.Find(Type) is { Syncs: true };

    /// <summary>How many runs in a row failed.</summary>
    public int Failures { get; init; }

    /// <summary>Is there no work on it at <paramref name="now"/>?</summary>
    public bool IsPaused(Instant now) => Pause is { } pause && (pause.Until is null || pause.Until > now);
}
