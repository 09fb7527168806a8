using Lockstep.Server.Activity;
using Lockstep.Server.Outbound;
using Lockstep.Server.Vault;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Hosting;

/// <summary>The doors to vault and audit without a web server, for a command beside a server that runs or does not.</summary>
internal sealed class Workbench : IAsyncDisposable
{
    private readonly StartedDatabase started;
    private readonly ServiceProvider services;

    private Workbench(StartedDatabase started, ServiceProvider services) => (this.started, this.services) = (started, services);

    /// <exception cref="StartRefusedException">The database cannot be reached.</exception>
    public static async Task<Workbench> Open(Settings settings, Action<string> progress, CancellationToken ct) =>
        Over(
            await DatabaseStart.Attach(settings, progress, ct),
            new VaultOptions(settings.Keys, settings.RevealLimit) { Providers = settings.KeyProviders },
            new OutboundGuard(settings.OutboundAllow));

    /// <param name="started">Disposed with the bench.</param>
    /// <param name="guard">Of the token endpoints that a reveal may ask; null: public ones alone.</param>
    public static Workbench Over(StartedDatabase started, VaultOptions options, OutboundGuard? guard = null) => new(started, new ServiceCollection()
        .AddLogging(logging => logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Error))
        .AddSingleton(TimeProvider.System)
        .AddSingleton(started.Database)
        .AddSingleton(guard ?? new OutboundGuard(new HashSet<HostPort>()))
        .AddActivity()
        .AddVault(options)
        .BuildServiceProvider());

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        await started.DisposeAsync();
    }
}
