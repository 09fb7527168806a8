using System.Text.Json;
using Lockstep.Server.Activity;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Console.Log;

/// <summary>The audit in words.</summary>
internal static class ActivityWords
{
    private const string Service = "service:";
    private const string For = " for user:";

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
        ["CREDENTIAL_REFUSED"] = "was refused a credential",
        ["CREDENTIAL_REFRESHED"] = "refreshed an OAuth token",
        ["CREDENTIAL_REFRESH_FAILED"] = "could not refresh an OAuth token",
        ["CREDENTIAL_RECOVERED"] = "recovered a credential",
        ["BULK_READ_BLOCKED"] = "was stopped from reading many credentials",
        ["BULK_READ_RELEASED"] = "let a reader of many credentials go on",
        ["VAULT_SECRET_STORED"] = "stored a secret by SQL",
        ["VAULT_SECRET_ROTATED"] = "rotated a secret by SQL",
        ["VAULT_SECRET_DELETED"] = "deleted a secret by SQL",
        ["VAULT_SECRETS_RESEALED"] = "sealed the secrets of the SQL vault anew",
        ["KEY_GIVEN_UP"] = "gave up a lost key",
        ["INTEGRATION_CREATED"] = "connected an account",
        ["INTEGRATION_UPDATED"] = "changed a connection",
        ["INTEGRATION_DELETED"] = "disconnected an account",
        ["CONNECT_SESSION_CREATED"] = "made a link to connect an account",
        ["CONNECT_SESSION_OPENED"] = "opened a link to connect an account",
        ["CONNECT_SESSION_FINISHED"] = "ended a link to connect an account",
        ["INTEGRATION_DELETIONS_CONFIRMED"] = "let many events be deleted",
        ["INTEGRATION_REPAIRED"] = "reset a connection that could not be read",
        ["WEBHOOK_CREATED"] = "made a webhook",
        ["WEBHOOK_UPDATED"] = "changed a webhook",
        ["WEBHOOK_DELETED"] = "deleted a webhook",
        ["WEBHOOK_DISABLED"] = "switched off a webhook that failed",
        ["WEBHOOK_SECRET_ROTATED"] = "rotated the key of a webhook",
        ["PROVIDER_SET"] = "changed the sharing page",
        ["BOOKING_MADE"] = "booked a time",
        ["BOOKING_MOVED"] = "moved a booking",
        ["BOOKING_CANCELLED"] = "cancelled a booking",
        ["API_TOKEN_CREATED"] = "made an API token",
        ["API_TOKEN_REVOKED"] = "revoked an API token",
        ["CONSOLE_LINK_MADE"] = "handed somebody over to the console",
        ["CONSOLE_SIGNED_IN"] = "signed in to the console",
        ["CONSOLE_SIGNED_OUT"] = "signed out of the console",
        ["PASSWORD_RESET"] = "set a new password for this account, which ended its sessions",
    };

    /// <summary>What can be filtered by, as people read it.</summary>
    public static IReadOnlyDictionary<string, string> All => Deeds;

    /// <param name="me">The actor who reads it.</param>
    /// <param name="people">E-mail addresses of those whom the reader may know.</param>
    public static string Sentence(ActivityView line, string me, IReadOnlyDictionary<Guid, string> people) =>
        $"{(ActorOf(line) is var actor && actor == me ? "You" : Who(actor, people))} {Deed(line.Action)}{About(line.Details)}";

    /// <summary>Who is named in these lines, where the reader may know them.</summary>
    public static Task<IReadOnlyDictionary<Guid, string>> People(TenantSession session, IEnumerable<ActivityView> lines, CancellationToken ct) =>
        WorkspaceDirectory.People(session, lines.Select(line => UserOf(ActorOf(line))).OfType<Guid>(), ct);

    public static string Deed(string action) => Deeds.GetValueOrDefault(action) ?? action.ToLowerInvariant().Replace('_', ' ');

    public static string Who(string actor, IReadOnlyDictionary<Guid, string> people) => UserOf(actor) is { } user && people.TryGetValue(user, out var email)
        ? actor.StartsWith(Service, StringComparison.Ordinal) ? $"The service {actor[Service.Length..].Split(For)[0]}, for {email}," : email
        : actor switch
        {
            "worker" => "The sync",
            "visitor" => "A visitor",
            "console" => "Somebody",
            _ when actor.StartsWith("user:", StringComparison.Ordinal) => "A person",
            "connect" => "Somebody with a link",
            _ when actor.StartsWith("connect:", StringComparison.Ordinal) => "Somebody with a link",
            _ when actor.StartsWith("token:", StringComparison.Ordinal) => "An API token",
            _ when actor.StartsWith(Service, StringComparison.Ordinal) => "The service " + actor[Service.Length..],
            _ when actor.StartsWith("database:", StringComparison.Ordinal) => "Somebody in the database, as " + actor["database:".Length..] + ",",
            _ => actor,
        };

    /// <summary>Only who shows the cookie of a session ends it.</summary>
    private static string ActorOf(ActivityView line) => line is { Actor: "console", UserId: { } user } ? $"user:{user}" : line.Actor;

    private static Guid? UserOf(string actor) =>
        actor.StartsWith("user:", StringComparison.Ordinal) && Guid.TryParse(actor["user:".Length..], out var user) ? user
        : actor.StartsWith(Service, StringComparison.Ordinal) && actor.Split(For) is [_, var behalf] && Guid.TryParse(behalf, out var other) ? other
        : null;

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
