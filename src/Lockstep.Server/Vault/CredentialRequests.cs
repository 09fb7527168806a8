using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Crypto;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.OAuth;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <param name="Value">Exactly one of it and <paramref name="OAuth"/> is given.</param>
/// <param name="Scope">Left out it is USER.</param>
internal sealed record StoreCredentialRequest(
    string Name,
    string Provider,
    CredentialType Type,
    [property: JsonConverter(typeof(SecretJson))] Secret? Value = null,
    [property: JsonPropertyName("oauth")] OAuthRequest? OAuth = null,
    CredentialScope? Scope = null,
    Guid? WorkspaceId = null,
    string? Description = null,
    Instant? ExpiresAt = null,
    JsonElement? Metadata = null)
{
    public NewCredential ToCredential(GivenValue given) => new(
        Name,
        Provider,
        Type,
        given.Value,
        Scope ?? CredentialScope.USER,
        WorkspaceId is { } workspace ? new WorkspaceId(workspace) : null,
        Description,
        ExpiresAt,
        Metadata is { ValueKind: not JsonValueKind.Null } ? Metadata : null,
        given.Grant);
}

/// <summary>What is left out stays as it is; <c>description</c> and <c>expiresAt</c> may be null to be cleared.</summary>
internal sealed class UpdateCredentialRequest
{
    private bool setDescription;
    private bool setExpiresAt;

    public string? Name { get; init; }

    public string? Description
    {
        get;
        init
        {
            field = value;
            setDescription = true;
        }
    }

    public Instant? ExpiresAt
    {
        get;
        init
        {
            field = value;
            setExpiresAt = true;
        }
    }

    public JsonElement? Metadata { get; init; }

    public CredentialChanges ToChanges() => new(
        Name, setDescription, Description, setExpiresAt, ExpiresAt, Metadata is { ValueKind: not JsonValueKind.Null } ? Metadata : null);
}

/// <param name="Version">A former one within its grace; left out, the current one.</param>
internal sealed record RevealRequest(string Purpose, int? Version = null);

/// <param name="ExpiresAt">Of the access token of an OAuth grant; only there, and only when it is known.</param>
internal sealed record RevealAnswer(
    [property: JsonConverter(typeof(SecretJson))] Secret Value,
    int Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Instant? ExpiresAt = null);

/// <param name="Value">Exactly one of it and <paramref name="OAuth"/> is given.</param>
/// <param name="ExpectedVersion">Rotates only this version; left out, whichever is current.</param>
/// <param name="GraceSeconds">So long the former value is still revealed to who asks for its version; at most 30 days. Left out, not at all.</param>
internal sealed record RotateRequest(
    [property: JsonConverter(typeof(SecretJson))] Secret? Value = null,
    [property: JsonPropertyName("oauth")] OAuthRequest? OAuth = null,
    int? ExpectedVersion = null,
    int? GraceSeconds = null);

internal sealed record RollbackRequest(int Version);

/// <param name="Reason">Kept in the audit, at most 200 characters.</param>
internal sealed record RevokeAllRequest(string? Reason = null);

/// <param name="Revoked">How many credentials were active until now.</param>
internal sealed record RevokeAllAnswer(long Revoked);

internal sealed record CredentialVersionsAnswer(IReadOnlyList<CredentialVersionView> Items);
