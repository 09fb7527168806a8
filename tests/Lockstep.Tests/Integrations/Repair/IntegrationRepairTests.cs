using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Integrations.Repair;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Repair;

/// <summary>Rows written while the triggers were off: found, reset, their originals kept, and nothing else touched.</summary>
public sealed class IntegrationRepairTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const int Rows = 1000;
    private const int Broken = 100;

    private const string Key = "sk_live_51H8xYzAbCdEfGhIjKlMnOpQr";

    private static readonly string Good = """{"url": "https://caldav.example.com/", "username": "u0", "calendarPath": "", "selectedCalendarIds": []}""";

    /// <summary>Column, value, and the column that is named.</summary>
    private static readonly (string Column, string Value, string Named)[] Harms =
    [
        ("config", """["not", "an", "object"]""", "config"),
        ("config", """{"username": "u0", "calendarPath": "", "selectedCalendarIds": []}""", "config"),
        ("config", """{"url": "https://caldav.example.com/", "username": "u0", "calendarPath": "", "selectedCalendarIds": [], "password": "hunter2hunter2"}""", "config"),
        ("config", $$"""{"url": "https://caldav.example.com/", "username": "{{Key}}", "calendarPath": "", "selectedCalendarIds": []}""", "config"),
        ("config", """{"url": "https://ada:hunter2hunter2@caldav.example.com/", "username": "u0", "calendarPath": "", "selectedCalendarIds": []}""", "config"),
        ("field_mappings", """{"version": "one"}""", "field_mappings"),
        ("sync_schedule", """{"intervalSeconds": 1}""", "sync_schedule"),
        ("sync_schedule", "17", "sync_schedule"),
        ("label", Key, "label"),
        ("external_email", Key, "external_email"),
    ];

    [Fact]
    public async Task Of_a_thousand_rows_the_hundred_broken_ones_are_mended_and_no_other_is_touched()
    {
        var (ada, bob) = (app.As("ada"), app.As("bob"));
        await ada.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK);
        await bob.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK);
        var workspace = (await ada.PostAsync("/v1/workspaces", new { name = "Shared" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ada.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("bob"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var foreign = (await bob.StoreAsync("his", "a-secret-of-bob")).Id();
        var broken = await MakeRowsAsync(Guid.Parse(workspace), foreign);
        var before = await RowsAsync();

        (await RunAsync(dryRun: true)).Select(each => each.Id.Value).ShouldBe(broken.Keys, ignoreOrder: true);
        (await RowsAsync()).ShouldBe(before);

        var repaired = await RunAsync(dryRun: false);
        repaired.ShouldAllBe(each => each.Problem == null);
        repaired.Select(each => each.Id.Value).ShouldBe(broken.Keys, ignoreOrder: true);
        foreach (var each in repaired)
            each.Broken.Select(column => column.Column).ShouldContain(broken[each.Id.Value].Named);
        string.Join('\n', repaired.SelectMany(each => each.Broken).Select(column => column.What)).ShouldNotContain("hunter2");

        var after = await RowsAsync();
        after.Where(row => !broken.ContainsKey(row.Key)).ShouldBe(before.Where(row => !broken.ContainsKey(row.Key)));
        (await RunAsync(dryRun: false)).ShouldBeEmpty();
        await EveryRowCanBeReadAsync(ada, broken.Keys);
        await TheOriginalsAreKeptAsync(ada, bob, repaired, broken);
        await TheAdminIsToldAsync(ada, bob, workspace);
    }

    private static async Task EveryRowCanBeReadAsync(HttpClient ada, Dictionary<Guid, (string Named, string Whole)>.KeyCollection broken)
    {
        var seen = new List<JsonNode>();
        for (var (after, more) = ("", true); more;)
        {
            var page = await ada.GetAsync($"/v1/integrations?limit=200{after}").ShouldBeAsync(HttpStatusCode.OK);
            seen.AddRange(page["items"]!.AsArray().Select(item => item!));
            (after, more) = page["next"]?.GetValue<string>() is { } next ? ($"&after={next}", true) : ("", false);
        }
        seen.Count.ShouldBe(Rows);
        seen.Where(item => broken.Contains(item.Id())).ShouldAllBe(item => item.Text("status") == "disabled");
        seen.Count(item => item.Text("status") == "disabled").ShouldBe(Broken);
        seen.Select(item => item.ToJsonString()).ShouldAllBe(item => !item.Contains("hunter2", StringComparison.Ordinal) && !item.Contains(Key, StringComparison.Ordinal));
    }

    private static async Task TheOriginalsAreKeptAsync(
        HttpClient ada, HttpClient bob, List<RepairedIntegration> repaired, Dictionary<Guid, (string Named, string Whole)> broken)
    {
        foreach (var each in repaired.Where((_, i) => i % 9 == 0))
        {
            var id = each.Original!.Value.Value;
            JsonNode.DeepEquals(JsonNode.Parse(await ada.ValueAsync(id)), JsonNode.Parse(broken[each.Id.Value].Whole)).ShouldBeTrue();
            await bob.RevealAsync(id).ShouldBeProblemAsync(404, "not_found");
        }
    }

    private static async Task TheAdminIsToldAsync(HttpClient ada, HttpClient bob, string workspace)
    {
        var lines = (await ada.GetAsync($"/v1/activity?workspaceId={workspace}&action=INTEGRATION_REPAIRED&limit=200").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        lines.Count.ShouldBe(Broken / 2);
        lines[0]!.Text("actor").ShouldBe("operator");
        lines.ToJsonString().ShouldNotContain(Key);
        lines.ToJsonString().ShouldNotContain("hunter2");
        var seen = await bob.GetAsync($"/v1/activity?workspaceId={workspace}&action=INTEGRATION_REPAIRED");
        (await seen.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).ShouldNotContain("INTEGRATION_REPAIRED");
    }

    private async Task<List<RepairedIntegration>> RunAsync(bool dryRun)
    {
        await using var connection = await app.ConnectAsync();
        await using (var role = new NpgsqlCommand("SET ROLE lockstep_owner", connection))
            await role.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var found = new List<RepairedIntegration>();
        var repair = new IntegrationRepair(app.Services.GetRequiredService<Database>(), app.Services.GetRequiredService<CredentialVault>(), TimeProvider.System);
        (await repair.Run(connection, dryRun, found.Add, _ => { }, TestContext.Current.CancellationToken)).ShouldBe(Rows);
        return found;
    }

    /// <summary>Half of a user, half of a workspace; every tenth is broken, by a session that obeys no trigger.</summary>
    private async Task<Dictionary<Guid, (string Named, string Whole)>> MakeRowsAsync(Guid workspace, Guid foreign)
    {
        await using var connection = await app.ConnectAsync();
        await using (var fill = new NpgsqlCommand(
            """
            INSERT INTO lockstep.integrations (id, user_id, workspace_id, integration_type, label, external_username, config, next_sync_at)
            SELECT gen_random_uuid(), CASE WHEN n <= $3 / 2 THEN $1 END, CASE WHEN n > $3 / 2 THEN $2 END, 'caldav', 'Calendar ' || n, 'u' || n,
                   jsonb_set($4::jsonb, '{username}', to_jsonb('u' || n)), now() + interval '1 year'
            FROM   generate_series(1, $3) n
            """, connection)
        { Parameters = { new() { Value = app.UserId("ada") }, new() { Value = workspace }, new() { Value = Rows }, new() { Value = Good } } })
            await fill.ExecuteNonQueryAsync();
        var ids = new List<Guid>();
        await using (var choose = new NpgsqlCommand("SELECT id FROM lockstep.integrations WHERE substring(label FROM 10)::int % 10 = 0 ORDER BY substring(label FROM 10)::int", connection))
        await using (var reader = await choose.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                ids.Add(reader.GetGuid(0));
        }
        await using (var off = new NpgsqlCommand("SET session_replication_role = replica", connection))
            await off.ExecuteNonQueryAsync();
        var broken = new Dictionary<Guid, (string, string)>();
        foreach (var (id, i) in ids.Select((id, i) => (id, i)))
        {
            // One in eleven names a credential of somebody else.
            var harm = i % 11 == 10 ? ("credential_id", foreign.ToString(), "credential_id") : Harms[i % Harms.Length];
#pragma warning disable CA2100 // The columns are those above.
            await using var write = new NpgsqlCommand(
                $"UPDATE lockstep.integrations i SET {harm.Item1} = $2::{(harm.Item1 == "credential_id" ? "uuid" : harm.Item1 is "label" or "external_email" ? "text" : "jsonb")} WHERE id = $1 RETURNING to_jsonb(i)::text", connection)
            { Parameters = { new() { Value = id }, new() { Value = harm.Item2 } } };
#pragma warning restore CA2100
            broken[id] = (harm.Item3, (string)(await write.ExecuteScalarAsync())!);
        }
        broken.Count.ShouldBe(Broken);
        return broken;
    }

    private async Task<Dictionary<Guid, string>> RowsAsync()
    {
        await using var connection = await app.ConnectAsync();
        await using var read = new NpgsqlCommand("SELECT id, xmin::text || to_jsonb(i)::text FROM lockstep.integrations i ORDER BY id", connection);
        await using var reader = await read.ExecuteReaderAsync();
        var rows = new Dictionary<Guid, string>();
        while (await reader.ReadAsync())
            rows[reader.GetGuid(0)] = reader.GetString(1);
        return rows;
    }
}
