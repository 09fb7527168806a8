using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>SIGKILL to the program while devices push and credentials are stored.</summary>
public sealed class KilledWhileStoringTests
{
    private const int Kills = 2;

    [Fact]
    public async Task Everything_acknowledged_before_a_kill_is_there_once_and_retries_double_nothing()
    {
        await using var installation = new Installation();
        // All that was stored is looked at in the end.
        installation.Environment["LOCKSTEP_BULK_READ_LIMIT"] = "0";
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        Device[] devices = [new("phone"), new("laptop"), new("tablet")];
        var keeper = new Keeper();

        for (var kill = 1; kill <= Kills; kill++)
        {
            var client = program.Client(token);
            Task[] work = [.. devices.Select(device => device.PushUntilCutAsync(client)), keeper.StoreUntilCutAsync(client)];
            var (enough, few) = (kill * 40, kill * 8);
            await LockstepProcess.EventuallyAsync(
                () => (devices.All(device => device.Acknowledged >= enough) && keeper.Acknowledged >= few) || work.Any(task => task.IsCompleted), "work is under way");
            await program.KillAsync();
            await Task.WhenAll(work);
            await installation.NothingRunsAsync();

            program = await installation.ServeAsync();
            client = program.Client(token);
            foreach (var device in devices)
                await device.RepeatAsync(client);
            await keeper.RepeatAsync(client);
        }

        await CompareChangesAsync(installation, program.Client(token), devices);
        await CompareCredentialsAsync(installation, program.Client(token), keeper);
    }

    private static async Task CompareChangesAsync(Installation installation, HttpClient client, Device[] devices)
    {
        var (changes, _) = await client.PullAll("todo");
        changes.Select(change => change.Text("recordId")).Order(StringComparer.Ordinal)
            .ShouldBe(devices.SelectMany(device => device.Records).Order(StringComparer.Ordinal));
        (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_changes")).ShouldBe(changes.Count);
        (await installation.ScalarAsync<long>("SELECT head FROM lockstep.sync_scopes")).ShouldBe(changes.Count);
    }

    private static async Task CompareCredentialsAsync(Installation installation, HttpClient client, Keeper keeper)
    {
        var stored = new List<JsonNode>();
        for (string? next = ""; next is not null;)
        {
            var page = await client.GetAsync($"/v1/credentials?limit=100{(next.Length == 0 ? "" : $"&after={next}")}").ShouldBeAsync(HttpStatusCode.OK);
            stored.AddRange(page["items"]!.AsArray().Select(item => item!));
            next = page["next"]?.GetValue<string>();
        }
        stored.Select(item => item.Text("name")).Order(StringComparer.Ordinal).ShouldBe(keeper.Names.Order(StringComparer.Ordinal));
        foreach (var item in stored)
            (await client.ValueAsync(item.Id())).ShouldBe(Keeper.ValueOf(item.Text("name")));
        (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE action = 'CREDENTIAL_CREATED'")).ShouldBe(stored.Count);
    }

    /// <summary>Pushes one batch after another, each mutation a record of its own.</summary>
    private sealed class Device(string name)
    {
        private const int Batch = 5;
        private long sent;
        private long acknowledged;

        public long Acknowledged => Interlocked.Read(ref acknowledged);

        public IEnumerable<string> Records => Enumerable.Range(1, (int)sent).Select(id => $"{name}-{id}");

        public async Task PushUntilCutAsync(HttpClient client)
        {
            try
            {
                while (true)
                {
                    sent += Batch;
                    (await client.Push("todo", name, From(sent - Batch + 1))).ShouldAllBe(status => status == "applied");
                    Interlocked.Exchange(ref acknowledged, sent);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                // Killed: nobody knows what became of the last batch.
            }
        }

        /// <summary>Sends the last batch that was acknowledged and the one that was not, as a device does that heard nothing.</summary>
        public async Task RepeatAsync(HttpClient client)
        {
            foreach (var first in new[] { acknowledged - Batch + 1, sent - Batch + 1 })
                (await client.Push("todo", name, From(first))).ShouldAllBe(status => status == "applied");
            acknowledged = sent;
        }

        private JsonObject[] From(long first) =>
            [.. Enumerable.Range(0, Batch).Select(i => SyncCalls.Mutation(first + i, $"{name}-{first + i}", new { n = new { value = first + i } }, "insert"))];
    }

    /// <summary>Stores one credential after another.</summary>
    private sealed class Keeper
    {
        private int sent;
        private int acknowledged;

        public int Acknowledged => Volatile.Read(ref acknowledged);

        public IEnumerable<string> Names => Enumerable.Range(1, sent).Select(n => $"key {n}");

        public static string ValueOf(string name) => $"the value of {name}";

        public async Task StoreUntilCutAsync(HttpClient client)
        {
            try
            {
                while (true)
                {
                    sent++;
                    await client.StoreAsync($"key {sent}", ValueOf($"key {sent}"));
                    Volatile.Write(ref acknowledged, sent);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                // As above.
            }
        }

        public async Task RepeatAsync(HttpClient client)
        {
            using var answer = await client.PostAsync(
                "/v1/credentials", new { name = $"key {sent}", provider = "stripe", type = "API_KEY", value = ValueOf($"key {sent}") });
            answer.StatusCode.ShouldBeOneOf(HttpStatusCode.Created, HttpStatusCode.Conflict);
            acknowledged = sent;
        }
    }
}
