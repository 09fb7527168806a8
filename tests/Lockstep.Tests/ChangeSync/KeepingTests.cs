using Lockstep.Server.ChangeSync.Keeping;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>What the log does not keep for ever.</summary>
public sealed class KeepingTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task What_was_written_over_goes_and_every_reader_still_ends_with_the_state()
    {
        var client = app.As("k1");
        await client.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 }, b = new { value = 1 } }, "insert"), Mutation(2, "r", new { a = new { value = 2 } }));
        var (_, middle) = await client.PullAll("todo");
        var mana = (await client.Mana("todo", new { clientId = "m" })).Text("syncedUntil");
        await client.Push("todo", "c", Mutation(3, "r", new { a = new { value = 3 } }), Mutation(4, "bare", op: "insert"),
            Mutation(5, "back", new { x = new { value = 1 } }), Mutation(6, "back", op: "delete"), Mutation(7, "back", new { y = new { value = 2 } }));
        await AgeAsync("k1");
        (await Round()).Changes.ShouldBe(2, "a=2, and the first writing of what was deleted and came back");
        var (all, _) = await client.PullAll("todo");
        all.Select(change => $"{change.Text("recordId")} {change.Text("op")}").ShouldBe(["r insert", "r update", "bare insert", "back delete", "back insert"]);
        (await client.PullAll("todo", middle)).Changes.Count.ShouldBe(4);
        (await client.Mana("todo", new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().Count.ShouldBe(4);
        (await Round()).Changes.ShouldBe(0, "once a day");
    }

    [Fact]
    public async Task An_old_deletion_goes_with_its_record_and_who_was_away_longer_starts_again()
    {
        var client = app.As("k2");
        await client.Push("todo", "c", Mutation(1, "gone", new { a = new { value = 1 } }, "insert"), Mutation(2, "stays", new { a = new { value = 1 } }, "insert"));
        var (_, before) = await client.PullAll("todo");
        var mana = (await client.Mana("todo", new { clientId = "m" })).Text("syncedUntil");
        await client.Push("todo", "c", Mutation(3, "gone", op: "delete"));
        var (_, after) = await client.PullAll("todo");
        await AgeAsync("k2");
        (await Round()).Deletions.ShouldBe(1);
        await client.GetAsync($"/v1/sync/todo/pull?cursor={before}").ShouldBeProblemAsync(410, "resync_required");
        (await client.PullAll("todo", after)).Changes.ShouldBeEmpty();
        (await client.PullAll("todo")).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("stays");
        (await client.GetStringAsync("/v1/sync/todo/snapshot")).ShouldNotContain("gone");
        (await client.Mana("todo", new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().ShouldHaveSingleItem("the mana protocol has no word for it: all of it again");
        (await client.Push("todo", "c", Mutation(4, "gone", new { a = new { value = 2 } }))).ShouldBe(["applied"]);
    }

    [Fact]
    public async Task Answers_to_mutations_are_forgotten_after_thirty_days_and_their_mutations_are_never_done_twice()
    {
        var client = app.As("k3");
        await client.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        await ExecuteAsync("UPDATE lockstep.sync_receipts SET created_at = now() - interval '31 days' WHERE client_id = 'c' AND user_id = $1", app.UserId("k3"));
        (await Round()).Receipts.ShouldBe(1);
        (await client.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }))).ShouldBe(["rejected: too_old"]);
        (await client.PullAll("todo")).Changes.Count.ShouldBe(1);
    }

    private Task<(long Changes, long Deletions, long Receipts)> Round() => app.Services.GetRequiredService<LogKeeper>().Round(TestContext.Current.CancellationToken);

    private async Task AgeAsync(string user)
    {
        await ExecuteAsync("UPDATE lockstep.sync_changes SET created_at = created_at - interval '200 days' WHERE scope_id = (SELECT scope_id FROM lockstep.sync_scopes WHERE user_id = $1)", app.UserId(user));
        await ExecuteAsync("UPDATE lockstep.sync_scopes SET created_at = created_at - interval '300 days', compacted_at = now() - interval '2 days' WHERE user_id = $1", app.UserId(user));
    }

    private async Task ExecuteAsync(string sql, Guid user)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this file.
        await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = user } } };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
