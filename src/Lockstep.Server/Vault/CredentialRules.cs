using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.OAuth;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>What may be stored. Everything wrong is said at once; no message repeats a value.</summary>
internal static class CredentialRules
{
    public const int MaxValueBytes = 65_536;
    public const int MaxName = 255;
    public const int MaxProvider = 100;
    public const int MaxDescription = 2_000;
    public const int MaxPurpose = 200;
    public const int MaxGraceSeconds = 30 * 24 * 60 * 60;

    /// <summary>When a credential of another type is given the tokens of a grant.</summary>
    public static readonly FieldErrors GrantOfAnotherType = Single("oauth", "goes with type OAUTH_TOKEN only.");

    private static readonly Instant Earliest = Instant.FromUtc(2000, 1, 1, 0, 0);

    /// <summary>The database rounds to microseconds; a time that rounds up to the year 10000 could never be read again.</summary>
    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    public static FieldErrors Check(NewCredential credential, Caller caller, Instant now)
    {
        var errors = new FieldErrors();
        CheckName(errors, credential.Name);
        CheckLine(errors, "provider", credential.Provider, MaxProvider);
        errors.Require(Enum.IsDefined(credential.Type), "type", "is not a known type.");
        CheckValue(errors, credential.Value, credential.Grant);
        errors.Require(credential.Grant is null || credential.Type == CredentialType.OAUTH_TOKEN, "oauth", "goes with type OAUTH_TOKEN only.");
        CheckDescription(errors, credential.Description);
        errors.Require(credential.ExpiresAt is null || credential.ExpiresAt > now, "expiresAt", "is in the past.");
        errors.Require(credential.ExpiresAt is null || credential.ExpiresAt < Latest, "expiresAt", "is after the year 9998; leave it out for no end.");
        if (credential.Metadata is { } metadata && MetadataRules.Fault(metadata) is { } fault)
            errors.Add("metadata", fault);
        CheckPlaintext(errors, credential.Name, credential.Description, credential.Metadata);
        if (!errors.Any)
            errors.RefuseSecrets("provider", credential.Provider);
        errors.Require(credential.Scope != CredentialScope.WORKSPACE || credential.Workspace is not null,
            "workspaceId", "is needed with scope WORKSPACE.");
        errors.Require(credential.Scope == CredentialScope.WORKSPACE || credential.Workspace is null,
            "workspaceId", "goes with scope WORKSPACE only.");
        errors.Require(credential.Scope != CredentialScope.USER || caller.Person is not null,
            "scope", "is USER, and this request works for no user. Name the user in the header Lockstep-On-Behalf-Of, or use scope SYSTEM.");
        return errors;
    }

    public static FieldErrors Check(CredentialChanges changes)
    {
        var errors = new FieldErrors();
        if (changes.Name is not null)
            CheckName(errors, changes.Name);
        CheckDescription(errors, changes.Description);
        errors.Require(changes.ExpiresAt is null || changes.ExpiresAt >= Earliest, "expiresAt", "is before the year 2000.");
        errors.Require(changes.ExpiresAt is null || changes.ExpiresAt < Latest, "expiresAt", "is after the year 9998; leave it out for no end.");
        if (changes.Metadata is { } metadata && MetadataRules.Fault(metadata) is { } fault)
            errors.Add("metadata", fault);
        CheckPlaintext(errors, changes.Name, changes.Description, changes.Metadata);
        return errors;
    }

    /// <param name="grant">What <paramref name="value"/> is the tokens of; null for a plain value.</param>
    public static FieldErrors CheckRotation(Secret value, NewGrant? grant, int? graceSeconds)
    {
        var errors = new FieldErrors();
        CheckValue(errors, value, grant);
        errors.Require(graceSeconds is null or (>= 0 and <= MaxGraceSeconds), "graceSeconds", $"is {graceSeconds}; it goes from 0 to {MaxGraceSeconds}, which is 30 days.");
        return errors;
    }

    public static FieldErrors CheckReason(string? reason)
    {
        var errors = new FieldErrors();
        if (reason is not null)
            CheckKept(errors, "reason", reason);
        return errors;
    }

    public static FieldErrors CheckPurpose(string purpose)
    {
        var errors = new FieldErrors();
        CheckKept(errors, "purpose", purpose);
        return errors;
    }

    /// <summary>What goes into the audit stays there.</summary>
    private static void CheckKept(FieldErrors errors, string field, string text)
    {
        CheckLine(errors, field, text, MaxPurpose);
        if (!errors.Any)
            errors.RefuseSecrets(field, text);
    }

    private static void CheckName(FieldErrors errors, string name) => CheckLine(errors, "name", name, MaxName);

    private static void CheckValue(FieldErrors errors, Secret value, NewGrant? grant)
    {
        foreach (var (field, messages) in grant?.Faults.All ?? new Dictionary<string, string[]>())
        {
            foreach (var message in messages)
                errors.Add(field, message);
        }
        if (grant is not null)
            return;
        errors.Require(!TokenBundle.IsBundle(value), "value", "begins with bytes that mark the tokens of a grant here. Give those in oauth.");
        errors.Require(value.Length > 0, "value", "is missing or empty. Give the secret here, or the tokens of a grant in oauth.");
        errors.Require(value.Length <= MaxValueBytes, "value", $"has {value.Length} bytes as UTF-8; at most {MaxValueBytes} can be stored.");
    }

    private static void CheckLine(FieldErrors errors, string field, string text, int longest)
    {
        errors.Require(!string.IsNullOrWhiteSpace(text), field, "is empty.");
        errors.Require(text.Length <= longest, field, $"has {text.Length} characters; at most {longest} are kept.");
        errors.Require(!text.Any(char.IsControl), field, "holds a control character, such as a line break.");
    }

    /// <summary>The value is sealed; what describes it is not.</summary>
    private static void CheckPlaintext(FieldErrors errors, string? name, string? description, JsonElement? metadata)
    {
        if (errors.Any)
            return;
        errors.RefuseSecrets("name", name);
        errors.RefuseSecrets("description", description);
        errors.RefuseSecrets("metadata", metadata);
    }

    private static void CheckDescription(FieldErrors errors, string? text)
    {
        errors.Require(text is not { Length: > MaxDescription }, "description", $"has more than {MaxDescription} characters.");
        errors.Require(text?.Contains('\0', StringComparison.Ordinal) != true, "description", "holds the character U+0000, which the database cannot keep.");
    }

    private static FieldErrors Single(string field, string message)
    {
        var errors = new FieldErrors();
        errors.Add(field, message);
        return errors;
    }
}
