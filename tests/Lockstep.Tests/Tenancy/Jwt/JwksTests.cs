using System.Security.Cryptography;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>Keys published by an identity provider, over real HTTP.</summary>
public sealed class JwksTests : IAsyncLifetime
{
    private const string Payload = """{"sub":"you","exp":1900000000}""";

    private readonly FakeTime time = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private readonly RSA rsa = RSA.Create(2048);
    private readonly ECDsa ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private string published = "";
    private int status = 200;
    private int requests;
    private WebApplication provider = null!;
    private JwtVerifier verifier = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        provider = builder.Build();
        provider.MapGet("/jwks", () =>
        {
            Interlocked.Increment(ref requests);
            return Results.Text(published, "application/json", statusCode: status);
        });
        await provider.StartAsync();
        published = $$"""{"keys":[{{Tokens.RsaJwk(rsa)}},{{Tokens.EcJwk(ec)}}]}""";
        var url = provider.Urls.Single() + "/jwks";
        var options = new JwtOptions(Tokens.Secret, url, null, null);
        verifier = new JwtVerifier(
            options, new JwksKeys(new Uri(url), new HttpMessageInvoker(new SocketsHttpHandler()), time, NullLogger<JwksKeys>.Instance), time);
    }

    public async ValueTask DisposeAsync()
    {
        await provider.DisposeAsync();
        rsa.Dispose();
        ec.Dispose();
    }

    [Fact]
    public async Task Rs256_and_es256_are_checked_with_the_published_keys_and_fetched_once()
    {
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBeNull();
        (await Fault(Tokens.Es256(ec, Payload))).ShouldBeNull();
        requests.ShouldBe(1);
    }

    [Fact]
    public async Task A_public_key_is_never_an_hmac_secret()
    {
        var pem = System.Text.Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem());
        (await Fault(Tokens.Hs256(Payload, """{"alg":"HS256","kid":"r"}""", pem))).ShouldBe(JwtFault.BadSignature);
    }

    [Fact]
    public async Task A_key_is_good_for_its_own_algorithm_alone() =>
        (await Fault(Tokens.Rs256(rsa, Payload, """{"alg":"ES256","kid":"r"}"""))).ShouldBe(JwtFault.UnknownKey);

    [Fact]
    public async Task A_new_key_is_found_and_made_up_key_ids_cost_one_request_in_30_seconds()
    {
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBeNull();
        using var next = RSA.Create(2048);
        published = $$"""{"keys":[{{Tokens.RsaJwk(next, "next")}}]}""";
        time.Advance(TimeSpan.FromSeconds(31));
        (await Fault(Tokens.Rs256(next, Payload, """{"alg":"RS256","kid":"next"}"""))).ShouldBeNull();
        for (var i = 0; i < 50; i++)
            (await Fault(Tokens.Rs256(next, Payload, $$"""{"alg":"RS256","kid":"made-up-{{i}}"}"""))).ShouldBe(JwtFault.UnknownKey);
        requests.ShouldBe(2);
    }

    [Fact]
    public async Task Keys_are_kept_for_an_hour_while_the_provider_is_down()
    {
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBeNull();
        status = 500;
        time.Advance(TimeSpan.FromMinutes(59));
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(2));
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBe(JwtFault.KeysUnavailable);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    public async Task A_provider_that_publishes_nonsense_is_unavailable_not_trusted(string nonsense)
    {
        published = nonsense;
        (await Fault(Tokens.Rs256(rsa, Payload))).ShouldBe(JwtFault.KeysUnavailable);
    }

    [Fact]
    public async Task A_short_rsa_key_is_not_used()
    {
        using var weak = RSA.Create(1024);
        published = $$"""{"keys":[{{Tokens.RsaJwk(weak, "weak")}}]}""";
        (await Fault(Tokens.Rs256(weak, Payload, """{"alg":"RS256","kid":"weak"}"""))).ShouldBe(JwtFault.UnknownKey);
    }

    private async Task<JwtFault?> Fault(string token) =>
        (await verifier.VerifyAsync(token, TestContext.Current.CancellationToken) as JwtOutcome.Invalid)?.Fault;
}
