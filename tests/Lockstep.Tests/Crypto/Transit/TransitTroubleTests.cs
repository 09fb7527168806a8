using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.Transit;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto.Transit;

/// <summary>What each documented refusal means, and that a server which is away is left alone.</summary>
public sealed class TransitTroubleTests : IAsyncLifetime
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly FakeTime time = new();
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    private FakeTransitServer server = null!;

    public async ValueTask InitializeAsync()
    {
        server = await FakeTransitServer.StartNewAsync(time);
        server.AddKey("lockstep");
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await server.DisposeAsync();
    }

    [Theory]
    [InlineData(503, "Vault is sealed", KeyTroubleKind.Away, "sealed")]
    [InlineData(500, "internal error", KeyTroubleKind.Away, "500")]
    [InlineData(502, "", KeyTroubleKind.Away, "502")]
    [InlineData(429, "rate limit quota exceeded", KeyTroubleKind.Away, "429")]
    [InlineData(412, "required index state not present", KeyTroubleKind.Away, "412")]
    [InlineData(403, "permission denied", KeyTroubleKind.Refused, "403")]
    [InlineData(404, "no handler for route", KeyTroubleKind.Refused, "404")]
    [InlineData(405, "unsupported operation", KeyTroubleKind.Refused, "405")]
    [InlineData(413, "http: request body too large", KeyTroubleKind.Refused, "413")]
    [InlineData(307, "", KeyTroubleKind.Refused, "redirects")]
    [InlineData(400, "something new", KeyTroubleKind.Refused, "400")]
    [InlineData(0, "", KeyTroubleKind.Away, "connection")]
    public async Task Every_documented_status_is_away_or_refused(int status, string error, KeyTroubleKind kind, string says)
    {
        using var engine = Engine();
        (await engine.Check(Ct)).ShouldBeNull();
        server.Fault = path => path.Contains("/decrypt/", StringComparison.Ordinal) ? new FakeTransitFault(status, error) : null;
        var trouble = (await new TransitKeyWrapper(engine).Unwrap(KeyName, Wrapped(), Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>().Trouble;
        trouble.Kind.ShouldBe(kind);
        trouble.Reason.ShouldContain(says);
        if (status == 429)
            trouble.RetryAfter.ShouldBe(TimeSpan.FromSeconds(7));
    }

    [Theory]
    [InlineData("invalid ciphertext: no prefix")]
    [InlineData("cipher: message authentication failed")]
    [InlineData("invalid ciphertext: unable to decrypt")]
    public async Task What_a_changed_ciphertext_gives_is_damage_and_no_outage(string error)
    {
        using var engine = Engine();
        (await engine.Check(Ct)).ShouldBeNull();
        server.Fault = path => path.Contains("/decrypt/", StringComparison.Ordinal) ? new FakeTransitFault(400, error) : null;
        (await new TransitKeyWrapper(engine).Unwrap(KeyName, Wrapped(), Ct)).ShouldBeOfType<UnwrapOutcome.Damaged>();
        engine.Trouble.ShouldBeNull();
    }

    [Theory]
    [InlineData("<html>a proxy's page</html>")]
    [InlineData("{}")]
    [InlineData("""{"data":{"ciphertext":"vault:v01:AAAA"}}""")]
    [InlineData("""{"data":{"ciphertext":"iv:tag:text"}}""")]
    [InlineData("""{"data":{"batch_results":[]}}""")]
    public async Task An_answer_that_is_none_is_never_taken_for_a_ciphertext(string body)
    {
        using var engine = Engine();
        (await engine.Check(Ct)).ShouldBeNull();
        server.Fault = path => path.Contains("/encrypt/", StringComparison.Ordinal) ? new FakeTransitFault(200, Body: body) : null;
        using var key = DataKey.Generate(KeyName);
        (await new TransitKeyWrapper(engine).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Unavailable>();
    }

    [Fact]
    public async Task A_server_that_hangs_is_given_up_in_time()
    {
        using var engine = Engine(timeout: TimeSpan.FromSeconds(3));
        (await engine.Check(Ct)).ShouldBeNull();
        server.Fault = _ => new FakeTransitFault(0, Hang: true);
        (await new TransitKeyWrapper(engine).Unwrap(KeyName, Wrapped(), Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>()
            .Trouble.ShouldSatisfyAllConditions(t => t.Kind.ShouldBe(KeyTroubleKind.Away), t => t.Reason.ShouldContain("in time"));
    }

    [Fact]
    public async Task A_server_that_is_away_is_asked_no_more_until_a_canary_came_back()
    {
        using var engine = Engine();
        var wrapper = new TransitKeyWrapper(engine);
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        server.Sealed = true;
        for (var i = 0; i < CircuitBreaker.FailuresToOpen; i++)
            (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>();
        var asked = server.Requests.Count;
        (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>().Trouble.RetryAfter.ShouldNotBeNull();
        server.Requests.Count.ShouldBe(asked);

        // Back, and yet not the same: the key was replaced by one that is not derived.
        var good = server.Keys["lockstep"];
        server.AddKey("lockstep", derived: false);
        server.Sealed = false;
        time.Advance(TimeSpan.FromSeconds(2));
        (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>().Trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
        server.Requests.Last().Path.ShouldBe("transit/keys/lockstep");

        server.Keys["lockstep"] = good;
        time.Advance(TimeSpan.FromSeconds(5));
        (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key.Dispose();
        engine.Trouble.ShouldBeNull();
    }

    [Fact]
    public async Task Many_first_callers_make_one_check()
    {
        using var engine = Engine();
        var wrapper = new TransitKeyWrapper(engine);
        using var key = DataKey.Generate(KeyName);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => wrapper.Wrap(key, Ct)));
        outcomes.ShouldAllBe(outcome => outcome is WrapOutcome.Wrapped);
        server.Requests.Count(request => request.Path == "transit/keys/lockstep").ShouldBe(1);
        server.Count("rewrap").ShouldBe(1);
    }

    [Theory]
    [InlineData("transit/keys/lockstep")]
    [InlineData("transit/encrypt/lockstep")]
    [InlineData("transit/decrypt/lockstep")]
    [InlineData("transit/rewrap/lockstep")]
    public async Task A_policy_that_lacks_one_path_is_told_at_the_check(string denied)
    {
        server.Denied.Add(denied);
        using var engine = Engine();
        (await engine.Check(Ct)).ShouldNotBeNull().ShouldSatisfyAllConditions(
            trouble => trouble.Kind.ShouldBe(KeyTroubleKind.Refused), trouble => trouble.Reason.ShouldContain("policy"));
    }

    [Fact]
    public async Task A_policy_that_makes_missing_keys_makes_none_of_a_typo()
    {
        server.EncryptMakesKeys = true;
        using var engine = Engine(key: "lokcstep");
        (await engine.Check(Ct)).ShouldNotBeNull().Reason.ShouldContain("lokcstep");
        server.Keys.Keys.ShouldBe(["lockstep"]);
    }

    [Fact]
    public async Task Namespace_and_mount_are_those_of_the_settings()
    {
        (server.Namespace, server.Mount) = ("team/a", "secrets/transit-2");
        using var engine = new TransitEngine(
            new TransitOptions(server.Url, ["lockstep"], Token(), "secrets/transit-2", "team/a"), http, time);
        (await engine.Check(Ct)).ShouldBeNull();
        using var elsewhere = Engine();
        (await elsewhere.Check(Ct)).ShouldNotBeNull();
    }

    [Fact]
    public async Task No_trouble_repeats_what_was_sent()
    {
        using var engine = Engine();
        (await engine.Check(Ct)).ShouldBeNull();
        server.Fault = _ => new FakeTransitFault(400, "cannot take plaintext bWFya2VyLXNlY3JldA==");
        using var value = Secret.FromText("marker-secret");
        var outcome = await new TransitValues(engine).Seal(Place, value, Ct);
        outcome.ToString()!.ShouldNotContain("bWFya2Vy");
    }

    private static WrappedKey Wrapped() => new("transit", "lockstep:1", "vault:v1:" + Convert.ToBase64String(new byte[60]));

    private TransitLogin.Token Token() => new(Secret.FromText(server.Tokens.Issue()));

    private TransitEngine Engine(string key = "lockstep", TimeSpan? timeout = null) =>
        new(new TransitOptions(server.Url, [key], Token(), Timeout: timeout ?? TimeSpan.FromSeconds(10)), http, time);
}
