using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Vault.Keys;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.Transit;
using Shouldly;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>A server of Lockstep whose first key provider is a <see cref="FakeTransitServer"/>.</summary>
internal sealed class TransitApp : IAsyncDisposable
{
    private TransitApp(LockstepApp app, FakeTransitServer transit) => (App, Transit) = (app, transit);

    public LockstepApp App { get; }

    public FakeTransitServer Transit { get; }

    public static KeyProviderOptions Options(FakeTransitServer transit, params string[] keys) => new()
    {
        Transit = new TransitOptions(transit.Url, keys.Length > 0 ? keys : ["lockstep"], new TransitLogin.AppRole("the-role-id", Secret.FromText("the-secret-id"))),
        Round = TimeSpan.FromMilliseconds(100),
    };

    public static async Task<TransitApp> StartAsync(
        PostgresServer postgres, Func<KeyProviderOptions, KeyProviderOptions>? options = null, KeyRing? ring = null, bool noRing = false)
    {
        var transit = await FakeTransitServer.StartNewAsync();
        transit.AddKey("lockstep");
        var app = new LockstepApp(postgres);
        if (ring is not null || noRing)
            app.Keys = ring;
        app.KeyProviders = (options ?? (o => o))(Options(transit));
        var both = new TransitApp(app, transit);
        await app.InitializeAsync();
        return both;
    }

    /// <summary>By provider: how many data keys of each, those that wait with a star, such as <c>local*1 transit2</c>.</summary>
    public Task<string> DataKeysAsync() => App.ScalarAsync<string>(
        """
        SELECT coalesce(string_agg(k.what || k.n, ' ' ORDER BY k.what), '')
        FROM  (SELECT provider || CASE WHEN pending_rewrap THEN '*' ELSE '' END AS what, count(*) AS n FROM lockstep.data_keys GROUP BY 1) k
        """);

    /// <summary>The same of values, by key_provider.</summary>
    public Task<string> ValuesAsync() => App.ScalarAsync<string>(
        """
        SELECT coalesce(string_agg(k.what || k.n, ' ' ORDER BY k.what), '')
        FROM  (SELECT key_provider || CASE WHEN pending_rewrap THEN '*' ELSE '' END AS what, count(*) AS n FROM lockstep.credentials GROUP BY 1) k
        """);

    public async Task<string> KeysOfHealthAsync()
    {
        using var client = App.Anonymous();
        using var answer = await client.GetAsync("/health");
        return System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["checks"]!["keys"]!.GetValue<string>();
    }

    /// <summary>Waits until nothing waits for Transit any more.</summary>
    public Task DrainedAsync() => UntilAsync(async () => await KeysOfHealthAsync() == "ok" && await App.ScalarAsync<long>("SELECT lockstep.rewrap_backlog()") == 0);

    public Task HealthSaysAsync(string words) =>
        UntilAsync(async () => (await KeysOfHealthAsync()).Contains(words, StringComparison.Ordinal));

    public static async Task UntilAsync(Func<Task<bool>> condition, int seconds = 40)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        while (!await condition())
        {
            limit.IsCancellationRequested.ShouldBeFalse("it did not come to that in time");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Transit.DisposeAsync();
    }
}
