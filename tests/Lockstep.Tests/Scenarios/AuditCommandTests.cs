using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

public sealed class AuditCommandTests
{
    [Fact]
    public async Task Beside_the_running_server_the_audit_is_signed_checked_and_handed_out_and_a_cut_end_is_told()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var client = server.Client(await installation.TokenAsync("you@example.com"));
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await client.ValueAsync(id);

        var kept = Path.Combine(installation.Folder, "kept.ndjson");
        var checkpoint = await CommandAsync(installation, 0, "checkpoint");
        await File.WriteAllTextAsync(kept, checkpoint.Output, TestContext.Current.CancellationToken);
        JsonNode.Parse(checkpoint.Output)!["position"]!.GetValue<int>().ShouldBeGreaterThanOrEqualTo(2);
        (await CommandAsync(installation, 0, "verify", "--checkpoint", kept)).Output.ShouldContain("The audit is whole");
        var export = await CommandAsync(installation, 0, "export");
        export.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.Text("action"))
            .ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED"]);

        await using (var connection = new NpgsqlConnection(installation.Database.ConnectionString("postgres") + ";Pooling=false"))
        {
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var cut = new NpgsqlCommand(
                "SET session_replication_role = replica; DELETE FROM lockstep.activity_checkpoints; DELETE FROM lockstep.activity_seals; DELETE FROM lockstep.activity_log", connection);
            await cut.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        var verify = await CommandAsync(installation, 1, "verify", "--json", "--checkpoint", kept);
        JsonNode.Parse(verify.Output)!["faults"]![0]!.Text("kind").ShouldBe("missing_tail");

        await File.WriteAllTextAsync(kept, "no checkpoint", TestContext.Current.CancellationToken);
        (await CommandAsync(installation, 1, "verify", "--checkpoint", kept)).Errors.ShouldContain("kept.ndjson, line 1");
    }

    private static async Task<LockstepProcess> CommandAsync(Installation installation, int exit, params string[] arguments)
    {
        var command = await installation.RunAsync(["audit", .. arguments, "--data-dir", installation.Data]);
        (await command.Ended).ShouldBe(exit, command.Errors);
        return command;
    }
}
