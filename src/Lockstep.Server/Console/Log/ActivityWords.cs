using System.Text.Json;
using Lockstep.Server.Activity;

namespace Lockstep.Server.Console.Log;

/// <summary>The audit in words.</summary>
internal static class ActivityWords
{
    private static readonly Dictionary<string, string> Deeds = new(StringComparer.Ordinal)
    {
        ["CREDENTIAL_CREATED"] = "stored a credential",
        ["CREDENTIAL_ACCESSED"] = "read a credential",
        ["CREDENTIAL_ROTATED"] = "rotated a credential",
        ["CREDENTIAL_UPDATED"] = "described a credential anew",
        ["CREDENTIAL_REVOKED"] = "revoked a credential",
        ["CREDENTIAL_DELETED"] = "deleted a credential",
        ["CREDENTIAL_EXPIRING"] = "noticed that a credential runs out",
        ["CREDENTIALS_REVOKED"] = "revoked all credentials",
        ["CREDENTIAL_ROLLED_BACK"] = "went back to a former value of a credential",
        ["INTEGRATION_CREATED"] = "connected an account",
        ["INTEGRATION_UPDATED"] = "changed a connection",
        ["INTEGRATION_DELETED"] = "disconnected an account",
        ["INTEGRATION_DELETIONS_CONFIRMED"] = "let many events be deleted",
        ["PROVIDER_SET"] = "changed the sharing page",
        ["BOOKING_MADE"] = "booked a time",
        ["BOOKING_MOVED"] = "moved a booking",
        ["BOOKING_CANCELLED"] = "cancelled a booking",
        ["API_TOKEN_CREATED"] = "made an API token",
        ["API_TOKEN_REVOKED"] = "revoked an API token",
        ["CONSOLE_SIGNED_IN"] = "signed in to the console",
        ["CONSOLE_SIGNED_OUT"] = "signed out of the console",
    };

    /// <summary>What can be filtered by, as people read it.</summary>
    public static IReadOnlyDictionary<string, string> All => Deeds;

    /// <param name="me">The actor who reads it.</param>
    public static string Sentence(ActivityView line, string me) => $"{(line.Actor == me ? "You" : Who(line.Actor))} {Deed(line.Action)}{About(line.Details)}";

    public static string Deed(string action) => Deeds.GetValueOrDefault(action) ?? action.ToLowerInvariant().Replace('_', ' ');

    public static string Who(string actor) => actor switch
    {
        "worker" => "The sync",
        "visitor" => "A visitor",
        "console" => "Somebody",
        _ when actor.StartsWith("user:", StringComparison.Ordinal) => "A person",
        _ when actor.StartsWith("token:", StringComparison.Ordinal) => "An API token",
        _ when actor.StartsWith("service:", StringComparison.Ordinal) => "The service " + actor["service:".Length..],
        _ when actor.StartsWith("database:", StringComparison.Ordinal) => "Somebody in the database, as " + actor["database:".Length..] + ",",
        _ => actor,
    };

    /// <summary>The detail that tells most.</summary>
    private static string About(JsonElement details) =>
        (Text(details, "name") ?? Text(details, "label")) is { } said ? $": {said}"
        : Text(details, "purpose") is { } purpose ? purpose == "sync" ? " to sign in" : $", to: {purpose}"
        : "";

    public static string? Text(JsonElement details, string name) =>
        details.ValueKind == JsonValueKind.Object && details.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String ? member.GetString() : null;

    /// <summary>Everything else that the line holds, name by name.</summary>
    public static IEnumerable<(string Name, string Value)> Details(ActivityView line) =>
        line.Details.ValueKind == JsonValueKind.Object ? line.Details.EnumerateObject().Select(member => (member.Name, member.Value.ToString())) : [];
}
