using System.Collections.Concurrent;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>When the key set is fetched, against a server over real HTTP. The clock is the test's.</summary>
public sealed class JwksKeysTests
{
    private static readonly TestKey Old = TestKey.Ec("old");
    private static readonly TestKey New = TestKey.Ec("new");
    private readonly FakeTime clock = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_key_set_is_fetched_once_in_ten_minutes()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        clock.Advance(JwksKeys.FreshFor - TimeSpan.FromSeconds(1));
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        server.Requests.ShouldBe(1);
        clock.Advance(TimeSpan.FromSeconds(1));
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        server.Requests.ShouldBe(2);
    }

    [Fact]
    public async Task A_new_key_is_found_by_its_first_token_and_a_withdrawn_one_is_gone()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        await FindAsync(keys, "old");
        server.Publish(New);
        clock.Advance(JwksKeys.RefreshGap);
        (await FindAsync(keys, "new")).ShouldBeOfType<KeyLookup.Found>();
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Unknown>();
        server.Requests.ShouldBe(2);
    }

    [Fact]
    public async Task A_flood_of_unknown_kids_costs_one_request_in_30_seconds()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        await FindAsync(keys, "old");
        for (var round = 1; round <= 3; round++)
        {
            clock.Advance(JwksKeys.RefreshGap);
            var lookups = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => FindAsync(keys, $"made-up-{i}"))));
            lookups.ShouldAllBe(lookup => lookup is KeyLookup.Unknown);
            (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
            server.Requests.ShouldBe(1 + round);
        }
    }

    [Fact]
    public async Task Callers_that_come_together_share_the_first_request()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        var release = Hold(server);
        var lookups = Enumerable.Range(0, 50).Select(_ => Task.Run(() => FindAsync(keys, "old"))).ToArray();
        await UntilAsync(() => server.Requests == 1);
        release.SetResult();
        (await Task.WhenAll(lookups)).ShouldAllBe(lookup => lookup is KeyLookup.Found);
        server.Requests.ShouldBe(1);
    }

    [Fact]
    public async Task A_caller_that_goes_away_does_not_cancel_the_request_of_the_others()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        var release = Hold(server);
        using var impatient = new CancellationTokenSource();
        var first = keys.FindAsync(JwsAlgorithm.ES256, "old", impatient.Token).AsTask();
        var second = FindAsync(keys, "old");
        await UntilAsync(() => server.Requests == 1);
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => first);
        release.SetResult();
        (await second).ShouldBeOfType<KeyLookup.Found>();
        server.Requests.ShouldBe(1);
    }

    [Fact]
    public async Task Known_keys_outlive_a_failing_server_by_an_hour_at_most()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        await FindAsync(keys, "old");
        server.AnswerStatus(500);
        clock.Advance(JwksKeys.FreshFor);
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        (await FindAsync(keys, "new")).ShouldBeOfType<KeyLookup.Unavailable>("the set may have changed");
        server.Requests.ShouldBe(2);
        clock.Advance(JwksKeys.KeptFor - JwksKeys.FreshFor);
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Unavailable>();
        server.Requests.ShouldBe(3);
    }

    [Fact]
    public async Task While_the_server_hangs_known_keys_are_found_without_waiting()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        await FindAsync(keys, "old");
        server.AnswerStatus(500);
        clock.Advance(JwksKeys.FreshFor);
        await FindAsync(keys, "old");
        var release = Hold(server);
        clock.Advance(JwksKeys.RefreshGap);
        (await FindAsync(keys, "old").WaitAsync(TimeSpan.FromSeconds(20), Ct)).ShouldBeOfType<KeyLookup.Found>();
        await UntilAsync(() => server.Requests == 3);
        release.SetResult();
        // The answer that came behind the caller's back makes the set fresh again.
        (await FindAsync(keys, "made-up")).ShouldBeOfType<KeyLookup.Unknown>();
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        server.Requests.ShouldBe(3);
    }

    [Fact]
    public async Task Without_any_keys_the_server_is_tried_every_5_seconds()
    {
        await using var server = await JwksServer.StartAsync();
        server.AnswerStatus(404);
        var keys = server.Keys(clock);
        for (var i = 0; i < 20; i++)
            (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Unavailable>();
        server.Requests.ShouldBe(1);
        server.Publish(Old);
        clock.Advance(JwksKeys.RetryGap);
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Found>();
        server.Requests.ShouldBe(2);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_given_up_after_5_seconds()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var release = Hold(server);
        var lookup = FindAsync(server.Keys(clock), "old");
        await UntilAsync(() => server.Requests == 1);
        lookup.IsCompleted.ShouldBeFalse();
        clock.Advance(JwksFetch.Timeout);
        (await lookup.WaitAsync(TimeSpan.FromSeconds(20), Ct)).ShouldBeOfType<KeyLookup.Unavailable>();
        release.SetResult();
    }

    [Fact]
    public async Task A_server_that_is_not_there_and_one_that_breaks_off_make_keys_unavailable()
    {
        var server = await JwksServer.StartAsync(Old);
        server.Answer = async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("{\"keys\":");
            context.Abort();
        };
        (await FindAsync(server.Keys(clock), "old")).ShouldBeOfType<KeyLookup.Unavailable>();

        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        var url = server.Url;
        await server.DisposeAsync();
        var log = new FakeLogger();
        (await FindAsync(new JwksKeys(url, http, clock, log), "old")).ShouldBeOfType<KeyLookup.Unavailable>();
    }

    [Theory]
    [InlineData("<html>Sign in</html>")]
    [InlineData("{\"keys\":null}")]
    public async Task An_answer_that_is_no_key_set_makes_keys_unavailable(string body)
    {
        await using var server = await JwksServer.StartAsync();
        server.AnswerText(body);
        (await FindAsync(server.Keys(clock), "old")).ShouldBeOfType<KeyLookup.Unavailable>();
    }

    [Fact]
    public async Task An_endless_answer_is_read_up_to_the_bound()
    {
        await using var server = await JwksServer.StartAsync();
        server.Answer = async context =>
        {
            var chunk = new byte[64 * 1024];
            chunk.AsSpan().Fill((byte)' ');
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(chunk, context.RequestAborted);
        };
        (await FindAsync(server.Keys(clock), "old").WaitAsync(TimeSpan.FromSeconds(20), Ct)).ShouldBeOfType<KeyLookup.Unavailable>();
    }

    [Fact]
    public async Task A_token_without_kid_needs_exactly_one_key_of_its_algorithm()
    {
        await using var server = await JwksServer.StartAsync(Old, TestKey.Rsa("rsa"));
        var keys = server.Keys(clock);
        (await FindAsync(keys, kid: null)).ShouldBeOfType<KeyLookup.Found>().Key.KeyId.ShouldBe("old");
        server.Publish(Old, New);
        clock.Advance(JwksKeys.FreshFor);
        (await FindAsync(keys, kid: null)).ShouldBeOfType<KeyLookup.Unknown>();
        (await FindAsync(keys, "new")).ShouldBeOfType<KeyLookup.Found>();
    }

    [Fact]
    public async Task An_empty_key_set_withdraws_all_keys()
    {
        await using var server = await JwksServer.StartAsync(Old);
        var keys = server.Keys(clock);
        await FindAsync(keys, "old");
        server.Publish();
        clock.Advance(JwksKeys.FreshFor);
        (await FindAsync(keys, "old")).ShouldBeOfType<KeyLookup.Unknown>();
    }

    [Fact]
    public async Task The_log_says_what_failed_and_keeps_the_query_to_itself()
    {
        await using var server = await JwksServer.StartAsync(TestKey.Ec("old", ",\"use\":\"enc\""));
        var log = new FakeLogger();
        var keys = server.Keys(clock, log);
        await FindAsync(keys, "old");
        server.AnswerStatus(503);
        clock.Advance(JwksKeys.RefreshGap);
        await FindAsync(keys, "old");
        log.Lines.ShouldContain(line => line.Contains("Key 0 is not used"));
        log.Lines.ShouldContain(line => line.Contains("the server answered 503"));
        log.Lines.ShouldAllBe(line => !line.Contains("in-the-query"));
    }

    private static async Task<KeyLookup> FindAsync(JwksKeys keys, string? kid) => await keys.FindAsync(JwsAlgorithm.ES256, kid, Ct);

    /// <summary>Has the server wait with its answer until the result is set.</summary>
    private static TaskCompletionSource Hold(JwksServer server)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Answer = async context =>
        {
            await release.Task;
            await context.Response.WriteAsync(TestKey.Set(Old));
        };
        return release;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        bound.CancelAfter(TimeSpan.FromSeconds(20));
        while (!condition())
            await Task.Delay(5, bound.Token);
    }

    private sealed class FakeLogger : ILogger<JwksKeys>
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }
}
