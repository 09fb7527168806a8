namespace Lockstep.Server.Http;

/// <summary>What an API token may be allowed. Workspaces, members, tokens, webhooks and the public page stay with people.</summary>
internal static class TokenScopes
{
    /// <summary>Names, providers, expiry, versions, masked values.</summary>
    public const string ReadMetadata = "credentials:read-metadata";

    /// <summary>The values themselves.</summary>
    public const string Reveal = "credentials:reveal";

    /// <summary>Store, describe, rotate, roll back, revoke, delete.</summary>
    public const string WriteCredentials = "credentials:write";

    public const string ReadActivity = "activity:read";

    public const string ReadIntegrations = "integrations:read";

    /// <summary>Connect, change, sync. Who may say to which server a stored credential is sent can have it: as strong as <see cref="Reveal"/>.</summary>
    public const string WriteIntegrations = "integrations:write";

    /// <summary>Make links with which the token's user connects an account; nothing else.</summary>
    public const string Connect = "connect:create";

    /// <summary>Events and matters.</summary>
    public const string ReadEvents = "events:read";

    public const string WriteEvents = "events:write";

    /// <summary>Change sync, both protocols: push, pull and stream.</summary>
    public const string Sync = "sync";

    public static readonly IReadOnlyList<string> All =
        [ReadMetadata, Reveal, WriteCredentials, ReadActivity, ReadIntegrations, WriteIntegrations, Connect, ReadEvents, WriteEvents, Sync];

    /// <summary>What a workspace's token may be allowed: the rest belongs to a user.</summary>
    public static readonly IReadOnlyList<string> OfWorkspaces = [ReadMetadata, Reveal, WriteCredentials, ReadActivity];

    /// <summary>What a token that is limited to some credentials may be allowed: elsewhere the limit would say nothing.</summary>
    public static readonly IReadOnlyList<string> OfLimited = [ReadMetadata, Reveal, WriteCredentials];
}
