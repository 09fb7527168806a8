using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>What came of storing a credential.</summary>
internal abstract record StoreOutcome
{
    private StoreOutcome() { }

    public sealed record Stored(CredentialView Credential) : StoreOutcome;

    /// <summary>By field, in the words of the request.</summary>
    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : StoreOutcome;

    /// <summary>Its owner has one of that provider and name.</summary>
    public sealed record NameTaken : StoreOutcome;

    /// <summary>There is no such workspace, or the caller is no admin of it.</summary>
    public sealed record UnknownWorkspace : StoreOutcome;

    /// <summary>SYSTEM was asked for by somebody else than the service role without a user context.</summary>
    public sealed record ScopeForbidden : StoreOutcome;
}

/// <summary>What came of preparing a credential for a transaction of the caller's.</summary>
internal abstract record PrepareOutcome
{
    private PrepareOutcome() { }

    /// <param name="Insert">Stores it with its audit line. Its constraint <c>credentials_identity_key</c> says that the name is taken.</param>
    public sealed record Ready(CredentialId Id, Statement Insert) : PrepareOutcome;

    public sealed record Refused(StoreOutcome Why) : PrepareOutcome;
}

/// <summary>What came of asking for a value.</summary>
internal abstract record RevealOutcome
{
    private RevealOutcome() { }

    /// <summary>The audit line has been committed. The receiver disposes the value.</summary>
    /// <param name="ExpiresAt">Of the access token of a grant, when it is known.</param>
    public sealed record Revealed(Secret Value, int Version, Instant? ExpiresAt = null) : RevealOutcome;

    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : RevealOutcome;

    /// <summary>Not there, or not the caller's.</summary>
    public sealed record NotFound : RevealOutcome;

    public sealed record Revoked : RevealOutcome;

    public sealed record Expired(int Version) : RevealOutcome;

    /// <summary>The version that was asked for is not kept.</summary>
    public sealed record UnknownVersion(int Version) : RevealOutcome;

    /// <summary>The version that was asked for has no grace, or none any more.</summary>
    public sealed record VersionRetired(int Version) : RevealOutcome;

    /// <summary>The row was changed or moved by somebody else than this program; nothing was released.</summary>
    public sealed record IntegrityFailure : RevealOutcome;

    /// <summary>The access token of a grant has expired, and nothing can refresh it.</summary>
    public sealed record TokenExpired(int Version) : RevealOutcome;

    /// <summary>The refresh token was refused: the account has to be connected again.</summary>
    /// <param name="Code">As the token endpoint calls it, of a fixed list.</param>
    public sealed record RefreshFailed(string Code, int Version) : RevealOutcome;

    /// <summary>The access token has expired, and the token endpoint refuses the client, its scope or the request.</summary>
    public sealed record GrantMisconfigured(string Code, TimeSpan RetryAfter) : RevealOutcome;

    /// <summary>The access token has expired, and the token endpoint answered with something else than a token.</summary>
    public sealed record AnswerMalformed(string Code, TimeSpan RetryAfter) : RevealOutcome;

    /// <summary>The access token has expired, and no other could be had in time.</summary>
    public sealed record EndpointUnavailable(TimeSpan RetryAfter) : RevealOutcome;

    /// <summary>The actor has used up what <see cref="VaultOptions.RevealLimit"/> allows.</summary>
    public sealed record TooMany(TimeSpan RetryAfter) : RevealOutcome;

    /// <summary>The actor has revealed too many different credentials of this owner; nothing was released.</summary>
    public sealed record BulkReadBlocked(Instant RetryAt, Duration RetryAfter) : RevealOutcome;
}

/// <summary>What came of changing a credential that is there.</summary>
internal abstract record ChangeOutcome
{
    private ChangeOutcome() { }

    public sealed record Changed(CredentialView Credential) : ChangeOutcome;

    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : ChangeOutcome;

    /// <summary>Not there, or not the caller's.</summary>
    public sealed record NotFound : ChangeOutcome;

    /// <summary>Its owner has another one of that provider and name.</summary>
    public sealed record NameTaken : ChangeOutcome;

    /// <summary>A revoked credential takes no new value.</summary>
    public sealed record Revoked : ChangeOutcome;

    /// <summary>Another version than the expected one is current, or somebody else changed the value at the same time.</summary>
    public sealed record VersionConflict(int? Current) : ChangeOutcome;

    /// <summary>The version to go back to is not kept.</summary>
    public sealed record UnknownVersion(int Version) : ChangeOutcome;

    /// <summary>The version to go back to holds a grant, whose refresh token may be used up.</summary>
    public sealed record FormerGrant(int Version) : ChangeOutcome;

    /// <summary>The version to go back to does not open.</summary>
    public sealed record IntegrityFailure : ChangeOutcome;
}

/// <summary>What came of deleting a credential.</summary>
internal abstract record DeleteOutcome
{
    private DeleteOutcome() { }

    public sealed record Deleted : DeleteOutcome;

    /// <summary>Not there, or not the caller's.</summary>
    public sealed record NotFound : DeleteOutcome;

    /// <summary>Integrations sign in with it.</summary>
    public sealed record InUse(IReadOnlyList<string> Integrations) : DeleteOutcome;
}
