using System.Net;
using System.Text;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>The program from nothing to ready, and down again.</summary>
public sealed class StartAndStopTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task From_nothing_to_ready_and_what_was_stored_is_there_after_a_stop()
    {
        await using var installation = new Installation();
        var program = await installation.ServeAsync();
        program.Output.ShouldMatch(@"Lockstep is ready at http://127\.0\.0\.1:\d+ \(after \d+\.\d s\)");
        program.Output.ShouldContain(installation.Data);
        program.Output.ShouldContain("./lockstep token --user you@example.com");
        foreach (var secret in new[] { "master-keys", "jwt-secret" })
            File.GetUnixFileMode(Path.Combine(installation.Data, secret)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        var token = await installation.TokenAsync("you@example.com");
        using var client = program.Client(token);
        var id = (await client.StoreAsync("mail", "a-secret-value")).Id();
        (await client.ValueAsync(id)).ShouldBe("a-secret-value");
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED"]);

        (await program.StopAsync()).ShouldBe(0, program.Errors);
        await installation.NothingRunsAsync();
        File.Exists(Path.Combine(installation.Data, "postgres", "data", "postmaster.pid")).ShouldBeFalse();

        var again = await installation.ServeAsync();
        again.Output.ShouldMatch(@"\(after \d+\.\d s\)");
        (await again.Client(token).ValueAsync(id)).ShouldBe("a-secret-value");
    }

    [Fact]
    public async Task A_stop_lets_what_is_under_way_finish_and_ends_streams()
    {
        await using var installation = new Installation();
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        // A request that waits for a lock must not give up before the test does.
        await installation.ScalarAsync<int>("ALTER ROLE lockstep_app SET lock_timeout = 0; SELECT 1");
        await program.StopAsync();
        program = await installation.ServeAsync();
        using var client = program.Client(token);
        using var stream = await client.GetAsync("/v1/sync/todo/stream", HttpCompletionOption.ResponseHeadersRead, Ct);
        stream.StatusCode.ShouldBe(HttpStatusCode.OK);
        await using var blocker = new NpgsqlConnection(installation.Database.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await blocker.OpenAsync(Ct);
        await using var held = await blocker.BeginTransactionAsync(Ct);
        await using (var take = new NpgsqlCommand("LOCK TABLE lockstep.credentials", blocker, held))
            await take.ExecuteNonQueryAsync(Ct);
        var stored = client.StoreAsync("mail", "a-secret-value");
        await UntilAsync(async () => await installation.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"));

        program.AskToStop();
        await LockstepProcess.EventuallyAsync(() => program.Errors.Contains("Stopping", StringComparison.Ordinal), "it heard the signal");
        // To its end, not cut, while the other request still waits.
        (await stream.Content.ReadAsStringAsync(Ct)).ShouldContain("heartbeat");
        stored.IsCompleted.ShouldBeFalse();
        await held.CommitAsync(Ct);

        var id = (await stored).Id();
        (await program.Ended.WaitAsync(TimeSpan.FromMinutes(1), Ct)).ShouldBe(0, program.Errors);
        await installation.NothingRunsAsync();
        program = await installation.ServeAsync();
        (await program.Client(token).ValueAsync(id)).ShouldBe("a-secret-value");
    }

    [Fact]
    public async Task A_request_that_comes_half_before_a_stop_is_stored_or_refused_with_what_to_do()
    {
        await using var installation = new Installation();
        var program = await installation.ServeAsync();
        using var client = program.Client(await installation.TokenAsync("you@example.com"));
        var rest = new TaskCompletionSource();
        var slow = client.PostAsync("/v1/credentials", new Halves("""{"name":"slow","provider":"p",""", rest.Task, """ "type":"SECRET","value":"a-secret-value"}"""), Ct);
        await UntilAsync(async () => (await client.GetStringAsync("/metrics", Ct)).Split('\n').Any(line =>
            line.StartsWith("http_server_active_requests{", StringComparison.Ordinal) && line.Contains("\"POST\"", StringComparison.Ordinal) && line.EndsWith(" 1", StringComparison.Ordinal)));

        program.AskToStop();
        await LockstepProcess.EventuallyAsync(() => program.Errors.Contains("Stopping", StringComparison.Ordinal), "it heard the signal");
        rest.SetResult();

        using var answer = await slow;
        if (answer.StatusCode != HttpStatusCode.Created)
            await Task.FromResult(answer).ShouldBeProblemAsync(503, "stopping");
        (await program.Ended.WaitAsync(TimeSpan.FromMinutes(1), Ct)).ShouldBe(0, program.Errors);
        var stored = answer.StatusCode == HttpStatusCode.Created ? 1 : 0;
        await installation.ServeAsync();
        (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials")).ShouldBe(stored);
    }

    /// <summary>Waits for something that has to be asked for.</summary>
    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var look = 0; !await holds(); look++)
        {
            look.ShouldBeLessThan(1500);
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    /// <summary>A body whose second half waits.</summary>
    private sealed class Halves : HttpContent
    {
        private readonly byte[] first;
        private readonly Task between;
        private readonly byte[] second;

        public Halves(string first, Task between, string second)
        {
            (this.first, this.between, this.second) = (Encoding.UTF8.GetBytes(first), between, Encoding.UTF8.GetBytes(second));
            Headers.ContentType = new("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(first);
            await stream.FlushAsync();
            await between;
            await stream.WriteAsync(second);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = first.Length + second.Length;
            return true;
        }
    }
}
