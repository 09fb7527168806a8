using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Defect 1 over HTTP: sixteen writers of one space, transactions that hold its counter and roll back, and a reader that follows its cursor.</summary>
public sealed class TailingReaderTests(LockstepApp app, ITestOutputHelper output) : IClassFixture<LockstepApp>
{
    private const int Writers = 16;

    [Fact]
    public Task Defect_1_a_reader_that_follows_misses_nothing_and_sees_nothing_twice() => Run(TimeSpan.FromSeconds(3));

    [Fact]
    [Trait("Category", "Long")]
    public Task Defect_1_for_a_minute() => Run(TimeSpan.FromSeconds(60));

    private async Task Run(TimeSpan length)
    {
        var name = $"tail{length.TotalSeconds:F0}";
        var owner = app.As($"{name}-0");
        var space = (await owner.PostAsync("/v1/workspaces", new { name }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        for (var i = 1; i < Writers; i++)
        {
            await app.As($"{name}-{i}").GetAsync($"/v1/sync/{name}/pull").ShouldBeAsync(HttpStatusCode.OK);
            await owner.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId($"{name}-{i}"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        }
        var acknowledged = new ConcurrentDictionary<string, byte>();
        var seen = new List<string>();
        var watch = Stopwatch.StartNew();
        var rollbacks = 0;
        using var done = new CancellationTokenSource();

        var reading = Task.Run(async () =>
        {
            string? cursor = null;
            while (true)
            {
                var last = done.IsCancellationRequested;
                var (changes, next) = await owner.PullAll(name, cursor);
                seen.AddRange(changes.Select(change => change.Text("recordId")));
                cursor = next;
                if (last)
                    return;
            }
        });
        var rolling = Task.Run(async () =>
        {
            await using var connection = await app.ConnectAsync();
            while (watch.Elapsed < length)
            {
                await using var transaction = await connection.BeginTransactionAsync();
                await using var command = new NpgsqlCommand(
                    """
                    WITH s AS (UPDATE lockstep.sync_scopes SET head = head + 3 WHERE workspace_id = $1 RETURNING scope_id, head)
                    INSERT INTO lockstep.sync_changes (scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, user_id, client_id, schema_version, bytes, created_at)
                    SELECT s.scope_id, s.head, gen_random_uuid(), $2, 'items', 'rolled back', 'insert', '{}', '{}', gen_random_uuid(), 'x', 1, 0, clock_timestamp()
                    FROM   s, pg_sleep(0.02)
                    """, connection, transaction)
                { Parameters = { new() { Value = Guid.Parse(space) }, new() { Value = name } } };
                if (await command.ExecuteNonQueryAsync() > 0)
                    rollbacks++;
                await transaction.RollbackAsync();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(i => Task.Run(async () =>
        {
            var client = app.As($"{name}-{i}");
            for (var id = 1L; watch.Elapsed < length; id++)
            {
                var record = $"{i}-{id}";
                if (i % 4 == 0)
                    await client.Mana(name, new { clientId = $"m{i}", changes = new[] { new { table = "items", id = record, op = "insert", data = new { v = id }, spaceId = space } } });
                else
                    (await client.Push(name, $"n{i}", Mutation(id, record, new { v = new { value = id } }, space: space))).ShouldBe(["applied"]);
                acknowledged[record] = 0;
            }
        })));
        await rolling;
        await done.CancelAsync();
        await reading;

        var missed = acknowledged.Keys.Except(seen).Count();
        var twice = seen.Count - seen.Distinct().Count();
        var holes = await app.ScalarAsync<long>("SELECT s.head - (SELECT count(*) FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id) FROM lockstep.sync_scopes s WHERE s.workspace_id = $1", Guid.Parse(space));
        output.WriteLine($"{length.TotalSeconds:F0} s, {Writers} writers over HTTP, {rollbacks} rollbacks: {acknowledged.Count} acknowledged, {missed} missed, {twice} twice, {holes} holes");
        (missed, twice, holes).ShouldBe((0, 0, 0));
        rollbacks.ShouldBeGreaterThan(0);
        seen.ShouldNotContain("rolled back");
    }
}
