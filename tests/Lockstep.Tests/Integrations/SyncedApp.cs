using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>The whole server beside a real Radicale, which the outbound guard lets through, and a fake for what no real server here says.</summary>
public sealed class SyncedApp(PostgresServer postgres) : IAsyncLifetime
{
    public LockstepApp App { get; } = new(postgres);

    public RadicaleServer Radicale { get; } = new();

    public FakeCaldavServer Fake { get; } = new();

    /// <summary>Another client of alice's account.</summary>
    public DavProbe Alice => Radicale.As("alice");

    public async ValueTask InitializeAsync()
    {
        await Radicale.InitializeAsync();
        await Fake.InitializeAsync();
        App.Allow(Radicale.Url);
        App.Allow(Fake.Url);
        await App.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Fake.DisposeAsync();
        await Radicale.DisposeAsync();
    }
}
