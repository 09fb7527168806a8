using System.Net.Http.Json;
using Lockstep.Crypto;
using Lockstep.Crypto.Transit;

namespace Lockstep.Tests.Support.Transit;

/// <summary>A server that the protocol's tests run on: the fake one, and a real one where LOCKSTEP_TEST_TRANSIT_ADDR and _TOKEN name it.</summary>
/// <remarks>Controlled over HTTP alone, so that both are driven alike. A real one needs a Transit engine on the mount <c>transit</c>.</remarks>
internal sealed class TransitTarget(Uri address, string token, FakeTransitServer? fake) : IAsyncDisposable
{
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    public FakeTransitServer? Fake => fake;

    public static IEnumerable<string> Kinds => Environment.GetEnvironmentVariable("LOCKSTEP_TEST_TRANSIT_ADDR") is { Length: > 0 } ? ["fake", "real"] : ["fake"];

    public static async Task<TransitTarget> OpenAsync(string kind)
    {
        if (kind == "real")
            return new TransitTarget(
                new Uri(Environment.GetEnvironmentVariable("LOCKSTEP_TEST_TRANSIT_ADDR")!), Environment.GetEnvironmentVariable("LOCKSTEP_TEST_TRANSIT_TOKEN")!, null);
        var fake = await FakeTransitServer.StartNewAsync();
        return new TransitTarget(fake.Url, fake.Tokens.Issue(), fake);
    }

    /// <summary>A name that nobody else uses, so that a real server may be shared.</summary>
    public async Task<string> NewKeyAsync(bool derived = true, string type = "aes256-gcm96")
    {
        var name = $"lockstep-test-{Guid.CreateVersion7():N}";
        await PostAsync($"transit/keys/{name}", new { type, derived });
        return name;
    }

    public Task RotateAsync(string key) => PostAsync($"transit/keys/{key}/rotate", new { });

    public async Task PostAsync(string path, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, $"/v1/{path}")) { Content = JsonContent.Create(body) };
        request.Headers.Add("X-Vault-Token", token);
        request.Headers.Add("X-Vault-Request", "true");
        using var answer = await http.SendAsync(request, CancellationToken.None);
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"{path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public TransitEngine Engine(params string[] keys) => new(
        new TransitOptions(address, keys, new TransitLogin.Token(Secret.FromText(token)), Timeout: TimeSpan.FromSeconds(10)), http, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        if (fake is not null)
            await fake.DisposeAsync();
    }
}
