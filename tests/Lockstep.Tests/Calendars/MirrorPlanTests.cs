using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendars;

/// <summary>A page is looked up name by name, by a plan that was kept from when the calendar was empty.</summary>
public sealed class MirrorPlanTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Entries_are_looked_up_by_index() => await LooksUpAsync(MirrorRows.Entries(new CalendarId(Guid.CreateVersion7()), [], []));

    [Fact]
    public async Task Events_are_looked_up_by_index() => await LooksUpAsync(MirrorRows.Events(new CalendarId(Guid.CreateVersion7()), [], []));

    private async Task LooksUpAsync(Statement statement)
    {
        await using var connection = await app.ConnectAsync("lockstep_app");
        await using var command = new NpgsqlCommand(
            $"""
            SET plan_cache_mode = force_generic_plan;
            PREPARE kept (uuid, text[], text[]) AS {statement.ToCommand().CommandText};
            EXPLAIN (COSTS OFF) EXECUTE kept ('{Guid.CreateVersion7()}', ARRAY['a'], ARRAY['b'])
            """, connection);
        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Ct);
        while (await reader.ReadAsync(Ct))
            plan.Add(reader.GetString(0));
        plan.Count(line => line.Contains("Seq Scan", StringComparison.Ordinal)).ShouldBe(0, string.Join('\n', plan));
        plan.Count(line => line.Contains("Join", StringComparison.Ordinal)).ShouldBe(0, string.Join('\n', plan));
        // Each name by the whole key: what a filter is left to do has been read for nothing.
        plan.Count(line => line.Contains("Filter: ", StringComparison.Ordinal) && (line.Contains("href", StringComparison.Ordinal) || line.Contains("uid =", StringComparison.Ordinal)))
            .ShouldBe(0, string.Join('\n', plan));
        plan.ShouldContain(line => line.Contains("Index Cond: ((calendar_id = $1) AND (href = named", StringComparison.Ordinal), string.Join('\n', plan));
    }
}
