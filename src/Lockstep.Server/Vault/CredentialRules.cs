using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
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

    private static readonly Instant Earliest = Instant.FromUtc(2000, 1, 1, 0, 0);

    /// <summary>The database rounds to microseconds; a time that rounds up to the year 10000 could never be read again.</summary>
    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    public static FieldErrors Check(NewCredential credential, Caller caller, Instant now)
    {
        var errors = new FieldErrors();
        CheckName(errors, credential.Name);
        CheckLine(errors, "provider", credential.Provider, MaxProvider);
        errors.Require(Enum.IsDefined(credential.Type), "type", "is not a known type.");
        CheckValue(errors, credential.Value);
        CheckDescription(errors, credential.Description);
        errors.Require(credential.ExpiresAt is null || credential.ExpiresAt > now, "expiresAt", "is in the past.");
        errors.Require(credential.ExpiresAt is null || credential.ExpiresAt < Latest, "expiresAt", "is after the year 9998; leave it out for no end.");
        if (credential.Metadata is { } metadata && MetadataRules.Fault(metadata) is { } fault)
            errors.Add("metadata", fault);
        CheckPlaintext(errors, credential.Name, credential.Description, credential.Metadata);
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

    public static FieldErrors CheckValue(Secret value)
    {
        var errors = new FieldErrors();
        CheckValue(errors, value);
        return errors;
    }

    public static FieldErrors CheckRotation(Secret value, int? graceSeconds)
    {
        var errors = CheckValue(value);
        errors.Require(graceSeconds is null or (>= 0 and <= MaxGraceSeconds), "graceSeconds", $"is {graceSeconds}; it goes from 0 to {MaxGraceSeconds}, which is 30 days.");
        return errors;
    }

    public static FieldErrors CheckReason(string? reason)
    {
        var errors = new FieldErrors();
        if (reason is not null)
            CheckLine(errors, "reason", reason, MaxPurpose);
        return errors;
    }

    public static FieldErrors CheckPurpose(string purpose)
    {
        var errors = new FieldErrors();
        CheckLine(errors, "purpose", purpose, MaxPurpose);
        return errors;
    }

    private static void CheckName(FieldErrors errors, string name) => CheckLine(errors, "name", name, MaxName);

    private static void CheckValue(FieldErrors errors, Secret value)
    {
        errors.Require(value.Length > 0, "value", "is empty.");
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
}
