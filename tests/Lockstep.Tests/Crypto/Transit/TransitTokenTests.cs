using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.Transit;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto.Transit;

/// <summary>Logins, leases and what comes after a 403, on a clock that is moved by hand.</summary>
public sealed class TransitTokenTests : IAsyncLifetime
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly FakeTime time = new();
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly string file = Path.Combine(Path.GetTempPath(), $"lockstep-token-{Guid.CreateVersion7():N}");
    private FakeTransitServer server = null!;

    public async ValueTask InitializeAsync()
    {
        server = await FakeTransitServer.StartNewAsync(time);
        server.AddKey("lockstep");
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        File.Delete(file);
        await server.DisposeAsync();
    }

    [Fact]
    public async Task An_app_role_logs_in_once_for_many_callers()
    {
        using var engine = Engine(AppRole());
        var wrapper = new TransitKeyWrapper(engine);
        using var key = DataKey.Generate(KeyName);
        (await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => wrapper.Wrap(key, Ct)))).ShouldAllBe(outcome => outcome is WrapOutcome.Wrapped);
        server.Tokens.Logins.ShouldBe(1);
    }

    [Fact]
    public async Task A_wrong_secret_id_is_refused_and_does_not_show()
    {
        using var engine = Engine(new TransitLogin.AppRole("the-role-id", Secret.FromText("a-wrong-secret-id")));
        var trouble = (await engine.Check(Ct)).ShouldNotBeNull();
        trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
        trouble.Reason.ShouldContain("auth/approle/login");
        trouble.Reason.ShouldNotContain("a-wrong");
    }

    [Fact]
    public async Task A_lease_is_prolonged_after_two_thirds_and_the_token_stays()
    {
        using var engine = Engine(AppRole());
        (await engine.Check(Ct)).ShouldBeNull();
        for (var hour = 1; hour <= 3; hour++)
        {
            time.Advance(TimeSpan.FromMinutes(43));
            // The server has counted it before the client has its answer and waits for the next time.
            await UntilAsync(() => server.Tokens.Renewals == hour && time.IsAwaited(TimeSpan.FromMinutes(30)));
            await WorksAsync(engine);
        }
        server.Tokens.Logins.ShouldBe(1);
    }

    [Fact]
    public async Task Near_the_end_of_its_longest_life_a_token_is_replaced_by_a_new_login()
    {
        server.Tokens.MaxLife = TimeSpan.FromMinutes(60);
        using var engine = Engine(AppRole());
        (await engine.Check(Ct)).ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(43));
        await UntilAsync(() => server.Tokens.Renewals == 1);
        await UntilAsync(async () =>
        {
            await WorksAsync(engine);
            return server.Tokens.Logins == 2;
        });
    }

    [Fact]
    public async Task A_token_that_cannot_be_prolonged_is_replaced_before_it_ends()
    {
        server.Tokens.Renewable = false;
        using var engine = Engine(AppRole());
        (await engine.Check(Ct)).ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(58));
        await WorksAsync(engine);
        server.Tokens.ShouldSatisfyAllConditions(tokens => tokens.Logins.ShouldBe(2), tokens => tokens.Renewals.ShouldBe(0));
    }

    [Fact]
    public async Task After_a_403_many_callers_log_in_again_once()
    {
        using var engine = Engine(AppRole());
        (await engine.Check(Ct)).ShouldBeNull();
        server.Tokens.RevokeAll();
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => WorksAsync(engine)));
        server.Tokens.Logins.ShouldBe(2);
    }

    [Fact]
    public async Task A_403_after_the_new_login_is_refused_and_not_an_outage()
    {
        using var engine = Engine(AppRole());
        (await engine.Check(Ct)).ShouldBeNull();
        server.Denied.Add("transit/encrypt");
        using var key = DataKey.Generate(KeyName);
        (await new TransitKeyWrapper(engine).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Unavailable>().Trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
        server.Tokens.Logins.ShouldBe(2);
    }

    [Fact]
    public async Task A_pod_logs_in_with_the_token_that_its_file_holds_now()
    {
        await File.WriteAllTextAsync(file, "the-pod-token\n");
        using var engine = Engine(new TransitLogin.Kubernetes("lockstep", file));
        (await engine.Check(Ct)).ShouldBeNull();
        server.Tokens.Pod = ("lockstep", "the-next-pod-token");
        server.Tokens.RevokeAll();
        await File.WriteAllTextAsync(file, "the-next-pod-token\n");
        await WorksAsync(engine);
        server.Tokens.Logins.ShouldBe(2);
    }

    [Fact]
    public async Task A_token_file_is_read_again_when_its_token_is_refused()
    {
        await File.WriteAllTextAsync(file, server.Tokens.Issue());
        using var engine = Engine(new TransitLogin.TokenFile(file));
        (await engine.Check(Ct)).ShouldBeNull();
        server.Tokens.RevokeAll();
        await File.WriteAllTextAsync(file, server.Tokens.Issue());
        await WorksAsync(engine);
    }

    [Fact]
    public async Task A_given_token_is_prolonged_too_and_its_end_is_told()
    {
        var token = server.Tokens.Issue(TimeSpan.FromHours(1));
        using var engine = Engine(new TransitLogin.Token(Secret.FromText(token)));
        (await engine.Check(Ct)).ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(43));
        await UntilAsync(() => server.Tokens.Renewals == 1);
        server.Tokens.RevokeAll();
        using var key = DataKey.Generate(KeyName);
        (await new TransitKeyWrapper(engine).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Unavailable>().Trouble.Reason.ShouldContain("LOCKSTEP_TRANSIT_TOKEN");
    }

    private static TransitLogin.AppRole AppRole() => new("the-role-id", Secret.FromText("the-secret-id"));

    private static async Task WorksAsync(TransitEngine engine)
    {
        using var key = DataKey.Generate(KeyName);
        (await new TransitKeyWrapper(engine).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>();
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
            await Task.Delay(5, limit.Token);
    }

    private TransitEngine Engine(TransitLogin login) =>
        new(new TransitOptions(server.Url, ["lockstep"], login, Timeout: TimeSpan.FromSeconds(10)), http, time);
}
