using System.Diagnostics;
using System.Globalization;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Defect 25: what a pull costs must not grow with the log.</summary>
public sealed class PullLatencyTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    [Trait("Category", "Long")]
    public async Task Defect_25_a_pull_takes_as_long_with_five_million_rows_as_with_ten_thousand()
    {
        var client = app.As("lat");
        await client.Push("big", "c", Mutation(1, "mine", new { a = new { value = 1 } }));
        var (_, cursor) = await client.PullAll("big");
        await client.Push("big", "c", [.. Enumerable.Range(2, 10).Select(i => Mutation(i, $"r{i}", new { a = new { value = i } }))]);
        var (_, head) = await client.PullAll("big", cursor);
        var medians = new List<(double Idle, double Ten)>();
        var rows = 0;
        foreach (var size in new[] { 10_000, 500_000, 5_000_000 })
        {
            await FillAsync(size - rows, rows);
            rows = size;
            medians.Add((await MedianAsync(client, head), await MedianAsync(client, cursor)));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{rows} rows in the log: a pull over HTTP that finds nothing {medians[^1].Idle:0.00} ms, one that finds ten changes {medians[^1].Ten:0.00} ms (medians of 200)"));
        }
        // Flat within the noise of a busy machine: a scan of five million rows takes hundreds of times as long.
        medians[^1].Idle.ShouldBeLessThan((medians[0].Idle * 3) + 5);
        medians[^1].Ten.ShouldBeLessThan((medians[0].Ten * 3) + 5);
    }

    private static async Task<double> MedianAsync(HttpClient client, string cursor)
    {
        var times = new List<double>();
        for (var i = 0; i < 220; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await client.Pull("big", cursor);
            if (i >= 20)
                times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        return times.Order().ElementAt(times.Count / 2);
    }

    private async Task FillAsync(int rows, int from)
    {
        await using var connection = await app.ConnectAsync();
        await using var command = new NpgsqlCommand(
            """
            WITH u AS (INSERT INTO auth.users (id) SELECT gen_random_uuid() FROM generate_series(1, greatest($1 / 5000, 1)) RETURNING id),
            s AS (INSERT INTO lockstep.sync_scopes (scope_id, user_id, head) SELECT gen_random_uuid(), u.id, 5000 FROM u RETURNING scope_id, user_id)
            INSERT INTO lockstep.sync_changes (scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, user_id, client_id, schema_version, bytes, created_at)
            SELECT s.scope_id, n, gen_random_uuid(), 'big', 'items', 'r' || n, 'insert', '{"a":1}', '{"a":[1,0,"x"]}', s.user_id, 'x', 1, 20, now()
            FROM   s, generate_series(1, least(5000, $1)) n
            """, connection)
        { Parameters = { new() { Value = rows } }, CommandTimeout = 900 };
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(rows - 5001, $"{from}");
        await using var analyze = new NpgsqlCommand("ANALYZE lockstep.sync_changes, lockstep.sync_scopes", connection) { CommandTimeout = 900 };
        await analyze.ExecuteNonQueryAsync();
    }
}
