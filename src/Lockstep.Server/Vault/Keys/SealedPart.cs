using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Vault.Keys;

/// <summary>What a sealed text is: a row and which of its fields. One that is moved to another kind of row does not open, whatever id that is given.</summary>
internal readonly record struct SealedPart(Guid Id, string Field)
{
    /// <summary>Of a credential, present or former.</summary>
    public const string Value = "value";

    /// <summary>The key that a webhook signs with.</summary>
    public const string WebhookSecret = "webhook_secret";

    public static SealedPart OfWebhook(Guid webhook) => new(webhook, WebhookSecret);

    public static implicit operator SealedPart(CredentialId id) => new(id.Value, Value);
}
