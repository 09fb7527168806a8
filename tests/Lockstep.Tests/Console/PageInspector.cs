using Lockstep.Tests.Booking;
using Lockstep.Tests.Support;
using Microsoft.Playwright;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Looks at pages as they come, notes all that is wrong instead of stopping at the first, and keeps a picture of each in light and dark.</summary>
internal sealed class PageInspector(BrowserPage visit, Uri site, int width, string folder)
{
    private const int MostBytes = 100_000;

    /// <summary>Of the page and everything that it loads, as it comes over the wire, whether or not the browser had it already.</summary>
    private const string Weight =
        """
        () => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, entry) => sum + entry.encodedBodySize, 0)
        """;

    /// <summary>What has the focus, and whether one sees that it does; "" for the page itself and for another document in a frame.</summary>
    private const string Focus =
        """
        () => {
          const at = document.activeElement;
          if (!at || at === document.body || at.tagName === "IFRAME") return "";
          const style = getComputedStyle(at);
          const words = `${at.tagName.toLowerCase()} ${at.id || at.name || at.textContent.trim().slice(0, 30)}`;
          return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 ? "seen " : "unseen ") + words;
        }
        """;

    public List<string> Faults { get; } = [];

    public int Pages { get; private set; }

    public (string Name, int Bytes) Heaviest { get; private set; } = ("", 0);

    public IPage Page => visit.Page;

    public async Task AtAsync(string path, string name)
    {
        await visit.Page.GotoAsync(new Uri(site, path).ToString());
        await HereAsync(name);
    }

    public async Task HereAsync(string name)
    {
        Pages++;
        var shift = await visit.Page.EvaluateAsync<double>(PageLooks.Shift);
        Note(shift == 0, $"{name}: it moves while it loads, by {shift}");
        var bytes = await visit.Page.EvaluateAsync<int>(Weight);
        Note(bytes is > 0 and < MostBytes, $"{name}: {bytes} bytes");
        if (bytes > Heaviest.Bytes)
            Heaviest = (name, bytes);
        Note(await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, $"{name}: it scrolls sideways");
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await visit.Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            await visit.Page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts", folder, $"{name}-{width}-{scheme}.png"), FullPage = true });
            foreach (var fault in await Axe.FaultsAsync(visit.Page))
                Faults.Add($"{name}, {scheme}: {fault}");
        }
        await WalkAsync(name);
    }

    /// <summary>Sends the form of this button, and waits for the page that answers it.</summary>
    public Task PressAsync(string button) => FollowAsync(visit.Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).First);

    /// <summary>Clicks, and waits for another page.</summary>
    public async Task FollowAsync(ILocator link)
    {
        await visit.Page.EvaluateAsync("() => { window.former = true; }");
        await link.ClickAsync();
        await visit.Page.WaitForFunctionAsync("() => !window.former && document.readyState === 'complete'");
    }

    /// <summary>The host that pages lead back to; null where there is none.</summary>
    public string? Product { get; init; }

    /// <summary>Nothing of another site, and nothing on the browser's console but that a page answered with 4xx or 5xx, as it was meant to.</summary>
    public void AtTheEnd()
    {
        foreach (var request in visit.Requests.Where(request => request.Authority != site.Authority && request.Scheme != "data" && request.Host != Product))
            Faults.Add($"a request to {request}");
        foreach (var line in visit.Complaints.Where(line => !line.Contains("the server responded with a status of ", StringComparison.Ordinal)))
            Faults.Add(line);
    }

    /// <summary>From the top of the page with the tab key alone: one always sees where one is.</summary>
    private async Task WalkAsync(string name)
    {
        await visit.Page.EvaluateAsync("() => document.activeElement?.blur()");
        var first = "";
        for (var step = 0; step < 25; step++)
        {
            await visit.Page.Keyboard.PressAsync("Tab");
            var at = await visit.Page.EvaluateAsync<string>(Focus);
            if (at == first)
                break;
            first = first.Length == 0 ? at : first;
            Note(!at.StartsWith("unseen", StringComparison.Ordinal), $"{name}: {at} has the focus, and nothing shows it");
        }
        await visit.Page.EvaluateAsync("() => document.activeElement?.blur()");
    }

    private void Note(bool well, string otherwise)
    {
        if (!well)
            Faults.Add(otherwise);
    }
}
