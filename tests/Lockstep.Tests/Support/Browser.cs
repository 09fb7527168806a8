using Lockstep.Tests.Support;
using Microsoft.Playwright;
using Xunit;

[assembly: AssemblyFixture(typeof(Browser))]

namespace Lockstep.Tests.Support;

/// <summary>One Chromium for the whole run, started by the first test that asks for a page. Take it as a constructor parameter.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Programs = ["chromium", "chromium-browser", "google-chrome"];

    private readonly Lazy<Task<IBrowser>> started;
    private IPlaywright? driver;

    public Browser() => started = new(StartAsync);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A page in a context of its own: no cookies, no cache, nothing of other tests.</summary>
    public async Task<BrowserPage> OpenAsync(BrowserNewContextOptions options)
    {
        var context = await (await started.Value).NewContextAsync(options);
        return new BrowserPage(context, await context.NewPageAsync());
    }

    public async ValueTask DisposeAsync()
    {
        if (started.IsValueCreated)
            await (await started.Value).DisposeAsync();
        driver?.Dispose();
    }

    private async Task<IBrowser> StartAsync()
    {
        var program = Find();
        driver = await Playwright.CreateAsync();
        return await driver.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = program,
            Headless = true,
            // Chromium's own look-ups would be requests that no page made.
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    private static string Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/bin")
            .SelectMany(directory => Programs.Select(program => Path.Combine(directory, program)))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("The browser tests need Chromium: apt-get install -y --no-install-recommends chromium (eng/install-test-deps does it).");
}

/// <summary>A page and what it did: what it asked for, and what it complained of.</summary>
public sealed class BrowserPage : IAsyncDisposable
{
    private readonly IBrowserContext context;

    internal BrowserPage(IBrowserContext context, IPage page)
    {
        (this.context, Page) = (context, page);
        page.Request += (_, request) => Requests.Add(new Uri(request.Url));
        page.Console += (_, message) => Complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => Complaints.Add(error);
    }

    public IPage Page { get; }

    /// <summary>Every request of the page, data: addresses apart.</summary>
    public List<Uri> Requests { get; } = [];

    /// <summary>Every line on the console, and every error that nobody caught.</summary>
    public List<string> Complaints { get; } = [];

    public async ValueTask DisposeAsync() => await context.CloseAsync();
}
