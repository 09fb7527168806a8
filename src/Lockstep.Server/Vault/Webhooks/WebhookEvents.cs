namespace Lockstep.Server.Vault.Webhooks;

/// <summary>What a webhook may be told of. Which lines of the audit these are says <c>lockstep.webhook_event</c>.</summary>
internal static class WebhookEvents
{
    /// <summary>Asked for by hand; goes to every webhook.</summary>
    public const string Test = "webhook.test";

    public static readonly IReadOnlyList<string> All =
    [
        "credential.created", "credential.rotated", "credential.expiring", "credential.revoked", "credential.deleted",
        "credential.refresh_failed", "credential.recovered", "credential.bulk_read_blocked", "member.credentials_revoked",
    ];
}
