using Lockstep.Server.Activity;
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
        Over(await DatabaseStart.Attach(settings, progress, ct), new VaultOptions(settings.Keys, settings.RevealLimit) { Providers = settings.KeyProviders });

    /// <param name="started">Disposed with the bench.</param>
    public static Workbench Over(StartedDatabase started, VaultOptions options) => new(started, new ServiceCollection()
        .AddLogging(logging => logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Error))
        .AddSingleton(TimeProvider.System)
        .AddSingleton(started.Database)
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
