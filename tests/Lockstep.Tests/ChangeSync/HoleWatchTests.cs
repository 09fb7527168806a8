using System.Net;
using Lockstep.Server.ChangeSync;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Numbers are dense; what is done to the log by hand is seen while the server serves.</summary>
public sealed class HoleWatchTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task A_number_that_is_missing_from_the_log_is_told_by_the_health_check_until_it_is_back()
    {
        var client = app.As("hole");
        await client.Push("todo", "c", [.. Enumerable.Range(1, 6).Select(i => Mutation(i, $"r{i}", new { v = new { value = i } }))]);
        (await Look()).ShouldBe(("ok", "ok"));

        await Run("CREATE TABLE public.kept AS SELECT * FROM lockstep.sync_changes WHERE false");
        await Run("WITH gone AS (DELETE FROM lockstep.sync_changes WHERE seq = 3 RETURNING *) INSERT INTO public.kept SELECT * FROM gone");
        await client.Push("todo", "c", Mutation(7, "r7", new { v = new { value = 7 } }));
        var (status, said) = await Look();
        status.ShouldBe("degraded");
        said.ShouldStartWith("1 changes are missing from the log, of 1 scopes");
        await Run("WITH gone AS (DELETE FROM lockstep.sync_changes WHERE seq = 7 RETURNING *) INSERT INTO public.kept SELECT * FROM gone");
        (await Look()).Sync.ShouldStartWith("2 changes are missing");

        await Run("INSERT INTO lockstep.sync_changes SELECT * FROM public.kept");
        (await Look()).ShouldBe(("ok", "ok"));
    }

    private async Task<(string Status, string Sync)> Look()
    {
        await app.Services.GetRequiredService<HoleWatch>().Look(TestContext.Current.CancellationToken);
        var health = await app.Anonymous().GetAsync("/health").ShouldBeAsync(HttpStatusCode.OK);
        return (health.Text("status"), health["checks"]!.Text("sync"));
    }

    private async Task Run(string sql)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this file.
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
