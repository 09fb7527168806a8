using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations.Types;
using NodaTime;

namespace Lockstep.Server.Integrations;

/// <summary>All that is told of an integration; never its secret.</summary>
/// <param name="Enabled">The owner's wish; <paramref name="Status"/> is what the worker found.</param>
/// <param name="NextSyncAt">Null while nothing but a change ends the pause, or it is not enabled.</param>
/// <param name="PausedReason">Null, <c>unauthorized</c>, <c>credential_revoked</c>, <c>throttled</c> or <c>mass_delete</c>.</param>
/// <param name="PausedUntil">Null while not paused, and when only a change ends the pause.</param>
/// <param name="Calendars">Empty in lists, and before the first sync.</param>
internal sealed record IntegrationView(
    Guid Id,
    string IntegrationType,
    string Label,
    Guid? WorkspaceId,
    bool Enabled,
    string Status,
    IntegrationConfig Config,
    int ConfigVersion,
    string ExternalUsername,
    bool HasSecret,
    Guid? CredentialId,
    Guid? VaultSecretId,
    FieldMappings FieldMappings,
    SyncSchedule SyncSchedule,
    Instant? LastSyncAt,
    string? LastSyncError,
    string? LastSyncErrorCode,
    Instant? NextSyncAt,
    string? PausedReason,
    Instant? PausedUntil,
    IReadOnlyList<CalendarView> Calendars,
    Instant CreatedAt,
    Instant UpdatedAt)
{
    public static IntegrationView Of(Integration i, IReadOnlyList<MirroredCalendar> calendars) => new(
        i.Id.Value, i.Type, i.Label, i.Workspace?.Value, i.Enabled, i.Status, i.Config, i.ConfigVersion, i.Config.Account,
        i.Credential is not null || i.VaultSecret is not null, i.Credential?.Value, i.VaultSecret, i.FieldMappings, i.Schedule, i.LastSyncAt, i.LastSyncError, i.LastSyncErrorCode,
        Next(i), i.Pause?.Reason, i.Pause?.Until, [.. calendars.Select(CalendarView.Of)], i.CreatedAt, i.UpdatedAt);

    private static Instant? Next(Integration i) => i switch
    {
        { Enabled: false } or { Syncs: false } or { Pause: { Until: null } } or { Config: UnreadableConfig } => null,
        { Pause.Until: { } until } when until > i.NextSyncAt => until,
        _ => i.NextSyncAt,
    };
}

/// <param name="LastReadAt">When what is here was last known to be what the server has.</param>
/// <param name="UnreadableSince">Null while reading works.</param>
internal sealed record CalendarView(
    Guid Id, string Href, string Name, string? Color, bool IsWriteTarget, bool ReadOnly, Instant? LastReadAt, Instant? UnreadableSince)
{
    public static CalendarView Of(MirroredCalendar c) =>
        new(c.Id.Value, c.Href, c.Name, c.Color, c.IsWriteTarget, c.ReadOnly, c.LastReadAt, c.UnreadableSince);
}
