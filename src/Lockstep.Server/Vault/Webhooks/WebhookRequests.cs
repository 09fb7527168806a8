using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault.Webhooks;

/// <param name="WorkspaceId">Tells of the workspace's credentials; left out, of your own.</param>
internal sealed record NewWebhook(string Url, IReadOnlyList<string> Events, Guid? WorkspaceId = null);

/// <summary>What is left out stays as it is.</summary>
/// <param name="IsActive">True also starts one again that was disabled because its receiver failed.</param>
internal sealed record WebhookChanges(string? Url = null, IReadOnlyList<string>? Events = null, bool? IsActive = null);

/// <param name="DisabledReason"><c>failing</c>: nothing was taken for three days; <c>gone</c>: it answered 410; null while active or when you switched it off.</param>
/// <param name="FailingSince">No message has been taken since; null while all is well.</param>
internal sealed record WebhookView(
    Guid Id,
    string Url,
    IReadOnlyList<string> Events,
    Guid? WorkspaceId,
    bool IsActive,
    string? DisabledReason,
    Instant? FailingSince,
    Instant CreatedAt,
    Instant UpdatedAt)
{
    /// <summary>Reads the columns in the order in which every statement of <see cref="WebhookRows"/> lists them.</summary>
    public static WebhookView Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetString(1),
        row.GetFieldValue<string[]>(2),
        row.GetGuidOrNull(3),
        row.GetBoolean(4),
        row.GetStringOrNull(5),
        row.GetInstantOrNull(6),
        row.GetInstant(7),
        row.GetInstant(8));
}

/// <summary>A class, not a record: a record would print the secret.</summary>
internal sealed class WebhookSecretAnswer(string secret, WebhookView webhook)
{
    /// <summary><c>whsec_...</c>, told this once: what the receiver verifies with.</summary>
    public string Secret => secret;

    public WebhookView Webhook => webhook;
}

/// <param name="DeliveryId">As the list of deliveries shows it.</param>
internal sealed record WebhookTestAnswer(Guid DeliveryId);

/// <param name="State">pending, delivered, or failed when it was given up.</param>
/// <param name="LastStatus">What the receiver answered; null when it did not.</param>
/// <param name="LastError"><c>http_STATUS</c>, <c>timeout</c>, <c>unreachable</c>, <c>address_refused</c> or <c>key_unavailable</c>.</param>
/// <param name="NextAttemptAt">Null unless pending.</param>
internal sealed record DeliveryView(
    Guid Id,
    string Event,
    string State,
    int Attempts,
    int? LastStatus,
    string? LastError,
    Instant CreatedAt,
    Instant? LastAttemptAt,
    Instant? NextAttemptAt,
    Instant? DeliveredAt)
{
    public static DeliveryView Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetString(1),
        row.GetString(2),
        row.GetInt32(3),
        row.GetInt32OrNull(4),
        row.GetStringOrNull(5),
        row.GetInstant(6),
        row.GetInstantOrNull(7),
        row.GetInstantOrNull(8),
        row.GetInstantOrNull(9));
}
