using System.Text.Json.Nodes;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Scenarios;

/// <summary><c>lockstep repair</c> as a program, beside one that serves.</summary>
public sealed class RepairCommandTests
{
    [Fact]
    public async Task It_finds_repairs_and_finds_nothing_more()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var ada = server.Client(await installation.TokenAsync("ada@example.com"));
        await ada.StoreAsync("mine", "a-secret-of-ada");
        await BreakAsync(installation.Database);

        var dry = await installation.RunAsync("repair", "integrations", "--dry-run", "--data-dir", installation.Data);
        (await dry.Ended).ShouldBe(5, dry.Errors);
        dry.Output.ShouldContain("label holds a");
        dry.Errors.ShouldContain("1 of 1 integrations would be repaired");

        var done = await installation.RunAsync("repair", "integrations", "--json", "--data-dir", installation.Data);
        (await done.Ended).ShouldBe(0, done.Errors);
        var line = JsonNode.Parse(done.Output)!["broken"]!.AsArray().ShouldHaveSingleItem()!;
        (await ada.ValueAsync(Guid.Parse(line.Text("originalCredentialId")))).ShouldContain("sk_live_51H8xYzAbCdEfGhIjKlMnOpQr");
        foreach (var program in new[] { dry, done })
            (program.Output + program.Errors).ShouldNotContain("sk_live");

        var again = await installation.RunAsync("repair", "integrations", "--data-dir", installation.Data);
        (await again.Ended).ShouldBe(0, again.Errors);
        again.Errors.ShouldContain("Nothing to repair in 1 integrations.");
    }

    [Fact]
    public async Task After_a_restore_every_cursor_is_void_and_streams_say_so()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var ada = server.Client(await installation.TokenAsync("ada@example.com"));
        await ada.Push("todo", "c", Mutation(1, "r", new { v = new { value = 1 } }));
        var (_, cursor) = await ada.PullAll("todo");
        var mana = (await ada.Mana("todo", new { clientId = "m" })).Text("syncedUntil");
        await using var stream = await StreamTests.Listen(ada, $"/v1/sync/todo/stream?cursor={cursor}");
        (await ada.Mana("todo", new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().ShouldBeEmpty();

        var done = await installation.RunAsync("repair", "cursors", "--data-dir", installation.Data);
        (await done.Ended).ShouldBe(0, done.Errors);
        done.Output.ShouldContain("The cursors of 1 users and spaces are void");
        await ada.GetAsync($"/v1/sync/todo/pull?cursor={cursor}").ShouldBeProblemAsync(409, "cursor_reset");
        (await stream.Next("error")).Data.Text("code").ShouldBe("cursor_reset");
        (await stream.Ends()).ShouldBeTrue();
        (await ada.Mana("todo", new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().ShouldHaveSingleItem("the mana protocol has no word for it: all of it again");
        (await ada.PullAll("todo")).Changes.ShouldHaveSingleItem();
        (await ada.Push("todo", "c", Mutation(2, "r", new { v = new { value = 2 } }))).ShouldBe(["applied"]);

        // The next one is restored from before the first: what was read in between is of neither history.
        var (_, between) = await ada.PullAll("todo");
        await installation.ScalarAsync<int>("UPDATE lockstep.sync_scopes SET epoch = 1 RETURNING epoch");
        (await (await installation.RunAsync("repair", "cursors", "--data-dir", installation.Data)).Ended).ShouldBe(0);
        await ada.GetAsync($"/v1/sync/todo/pull?cursor={between}").ShouldBeProblemAsync(409, "cursor_reset");
    }

    private static async Task BreakAsync(EmbeddedConnection database)
    {
        await using var connection = new NpgsqlConnection(database.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SET session_replication_role = replica;
            INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config, next_sync_at)
            SELECT gen_random_uuid(), u.id, 'caldav', 'sk_live_51H8xYzAbCdEfGhIjKlMnOpQr', 'ada',
                   '{"url": "https://caldav.example.com/", "username": "ada", "calendarPath": "", "selectedCalendarIds": []}', now() + interval '1 year'
            FROM   auth.users u WHERE u.email = 'ada@example.com'
            """, connection);
        await command.ExecuteNonQueryAsync();
    }
}
