using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using NodaTime;

namespace Lockstep.Cli.Credentials;

/// <summary>A line of the file: a credential of somebody, in clear or as other software sealed it.</summary>
/// <param name="Id">Kept; left out, a new one.</param>
/// <param name="Scope">Left out: WORKSPACE with <paramref name="WorkspaceId"/>, else USER.</param>
/// <param name="UserId">Its owner; for a workspace's the admin who stores it.</param>
/// <param name="Value">In clear. Either this, or <paramref name="Encrypted"/>: what <see cref="OldBlob"/> opens.</param>
internal sealed record ImportLine(
    string Name,
    string Provider,
    CredentialType Type,
    Guid? Id = null,
    CredentialScope? Scope = null,
    Guid? UserId = null,
    Guid? WorkspaceId = null,
    [property: JsonConverter(typeof(SecretJson))] Secret? Value = null,
    string? Encrypted = null,
    string? Description = null,
    Instant? ExpiresAt = null,
    JsonElement? Metadata = null)
{
    /// <exception cref="FormatException">Says what is wrong, and never repeats a value.</exception>
    public static ImportLine Parse(string text)
    {
        ImportLine? line;
        try
        {
            line = JsonSerializer.Deserialize<ImportLine>(text, StrictJson.Options);
        }
        catch (JsonException e)
        {
            throw new FormatException($"this is not the JSON that is expected, at {e.Path ?? "$"}: a member is missing, unknown, there twice, or of the wrong type");
        }
        if (line is null)
            throw new FormatException("this is null");
        if (line.Value is null == (line.Encrypted is null))
            throw new FormatException("give either value or encrypted");
        if (line.Scoped != CredentialScope.SYSTEM && line.UserId is null)
            throw new FormatException("userId is missing: the owner, or for a workspace the admin who stores it");
        return line;
    }

    private CredentialScope Scoped => Scope ?? (WorkspaceId is null ? CredentialScope.USER : CredentialScope.WORKSPACE);

    public Caller Caller => Scoped == CredentialScope.SYSTEM
        ? Caller.Service with { Actor = "operator" }
        : new Caller(new UserId(UserId!.Value), CallerRole.Authenticated, "operator");

    /// <param name="oldKey">What sealed <see cref="Encrypted"/>.</param>
    /// <exception cref="FormatException">It does not open.</exception>
    public NewCredential ToCredential(Secret? oldKey) => new(
        Name,
        Provider,
        Type,
        Value ?? (oldKey is null
            ? throw new FormatException("it is encrypted, and no old key was given: set LOCKSTEP_IMPORT_KEY, or name a file with --key-file")
            : OldBlob.Open(oldKey, Encrypted!) ?? throw new FormatException("the encrypted value does not open with the old key")),
        Scoped,
        WorkspaceId is { } workspace ? new WorkspaceId(workspace) : null,
        Description,
        ExpiresAt,
        Metadata is { ValueKind: not JsonValueKind.Null } ? Metadata : null);
}
