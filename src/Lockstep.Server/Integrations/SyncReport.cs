using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Integrations;

/// <summary>What a failure of a run means for the next one.</summary>
internal enum FailureKind
{
    /// <summary>The server or the network: try again later, ever later.</summary>
    Transient,

    /// <summary>Some events only; the others were synced, and the schedule stays.</summary>
    Partial,

    /// <summary>The server refused the user name or password: wait for another one, or the account may be locked.</summary>
    Unauthorized,

    /// <summary>The vault has no usable secret.</summary>
    CredentialRevoked,

    /// <summary>The server asked for fewer requests.</summary>
    Throttled,

    /// <summary>Somebody has to agree to the deletions.</summary>
    MassDelete,
}

/// <param name="Code">Stable, snake_case.</param>
/// <param name="Message">One or two sentences for people, without a secret.</param>
/// <param name="RetryAfter">What the server asked for; null when it did not say.</param>
internal sealed record SyncFailure(FailureKind Kind, string Code, string Message, TimeSpan? RetryAfter = null);

/// <summary>The secret of a run, for its end: what it found out about another one than the integration's now counts for nothing.</summary>
/// <param name="Version">Null when there was none to be had.</param>
/// <param name="ConfigVersion">Of the integration: a password belongs to a user name.</param>
internal sealed record SignedInWith(CredentialId? Credential, Guid? VaultSecret, int? Version, int ConfigVersion);

/// <summary>What one run did.</summary>
/// <param name="Pulled">Events made, changed or deleted here.</param>
/// <param name="Pushed">Events made, changed or deleted there.</param>
/// <param name="Failure">Null when all went well; else the gravest.</param>
/// <param name="Requests">Sent to the server.</param>
internal sealed record SyncReport(int Pulled, int Pushed, SyncFailure? Failure, TimeSpan Took, int Requests)
{
    /// <summary>Null when it never came to that.</summary>
    public SignedInWith? SignedInWith { get; init; }

    public string Direction => (Pushed, Pulled) switch
    {
        ( > 0, > 0) => "both",
        ( > 0, 0) => "push",
        _ => "pull",
    };

    public static SyncReport Failed(SyncFailure failure) => new(0, 0, failure, TimeSpan.Zero, 0);
}
