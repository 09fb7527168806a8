using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lockstep.Cli.Credentials;

namespace Lockstep.Cli.Integrations;

/// <summary><c>lockstep integrations</c>: how the connected accounts of a user stand, and what of them could not be taken over.</summary>
internal static class IntegrationsCommand
{
    public static Command Create() => new("integrations", "See how connected accounts are doing.\n\nSay who asks with --user or LOCKSTEP_TOKEN.")
    {
        List(), Quarantine(),
    };

    private static Command List() => Call.Create("list", "List the connected accounts: status, last success, next look, last error.", "lockstep integrations list --user you@example.com", [],
        async (call, ct) => call.Print(await All(call, "/v1/integrations", ct), items => Columns.Of(
        [
            ["id", "label", "account", "status", "last sync", "next", "error"],
            .. items.AsArray().Select(item => new[]
            {
                Text(item!, "id"), Text(item!, "label"), Text(item!, "externalUsername"), item!["pausedReason"] is null ? Text(item!, "status") : $"paused: {Text(item!, "pausedReason")}",
                Text(item!, "lastSyncAt"), Text(item!, "nextSyncAt"), Text(item!, "lastSyncError"),
            }),
        ])));

    private static Command Quarantine()
    {
        var one = new Option<Guid?>("--integration") { HelpName = "ID", Description = "Only of this one; else of all" };
        return Call.Create("quarantine", "List the resources that could not be taken over from calendar servers: which, why, since when.", "lockstep integrations quarantine --user you@example.com", [one],
            async (call, ct) =>
            {
                IEnumerable<string> ids = call.Value(one) is { } id ? [id.ToString()] : [.. (await All(call, "/v1/integrations", ct)).Select(item => Text(item!, "id"))];
                var found = new JsonArray();
                foreach (var integration in ids)
                {
                    foreach (var item in await All(call, $"/v1/integrations/{integration}/quarantine", ct))
                        found.Add(item!.DeepClone());
                }
                call.Print(found, items => items.AsArray().Count == 0 ? "Nothing is set aside." : Columns.Of(
                [
                    ["calendar", "resource", "since", "reason"],
                    .. items.AsArray().Select(item => new[] { Text(item!, "calendarName"), Text(item!, "href"), Text(item!, "since"), Text(item!, "reason") }),
                ]));
            });
    }

    private static async Task<JsonArray> All(Call call, string path, CancellationToken ct)
    {
        var items = new JsonArray();
        string? after = null;
        do
        {
            var page = await call.Send(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"{path}?limit=200{(after is null ? "" : $"&after={after}")}"), null, ct);
            foreach (var item in page["items"]!.AsArray())
                items.Add(item!.DeepClone());
            after = page["next"]?.GetValue<string>();
        }
        while (after is not null);
        return items;
    }

    private static string Text(JsonNode item, string member) => item[member]?.ToString() ?? "-";
}
