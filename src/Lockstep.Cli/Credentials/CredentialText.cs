using System.Text.Json.Nodes;

namespace Lockstep.Cli.Credentials;

/// <summary>Credentials as lines of text: columns for people, tabs for pipes.</summary>
internal static class CredentialText
{
    public static string Table(JsonNode items)
    {
        var rows = items.AsArray().Select(item => Row(item!)).ToList();
        if (rows.Count == 0)
            return "No credentials.";
        return Columns.Of([["id", "provider", "name", "type", "value", "version", "state", "expires"], .. rows]);
    }

    public static string Line(JsonNode item) => Columns.Of([Row(item)]);

    public static string Versions(JsonNode items) => Columns.Of(
    [
        ["version", "value", "from", "replaced", "grace until"],
        .. items.AsArray().Select(item => new[] { Text(item!, "version"), Text(item!, "maskedValue"), Text(item!, "validFrom"), Text(item!, "replacedAt"), Text(item!, "graceUntil") }),
    ]);

    private static string[] Row(JsonNode item) =>
    [
        Text(item, "id"), Text(item, "provider"), Text(item, "name"), Text(item, "type"), Text(item, "maskedValue"), Text(item, "version"),
        !item["isActive"]!.GetValue<bool>() ? "revoked" : item["isExpired"]!.GetValue<bool>() ? "expired" : "active",
        Text(item, "expiresAt"),
    ];

    private static string Text(JsonNode item, string member) => item[member]?.ToString() ?? "-";
}
