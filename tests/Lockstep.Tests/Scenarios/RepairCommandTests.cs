using System.Text.Json.Nodes;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary><c>lockstep repair integrations</c> as a program, beside one that serves.</summary>
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
