using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.Booking;

/// <summary>What every page for visitors is looked at for.</summary>
internal static class PageLooks
{
    /// <summary>The sum of all layout shifts that nobody's input made.</summary>
    public const string Shift =
        """
        () => new Promise(done => {
          let sum = 0;
          new PerformanceObserver(list => list.getEntries().forEach(shift => sum += shift.hadRecentInput ? 0 : shift.value)).observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 0)));
        })
        """;

    /// <summary>Nothing to scroll sideways to, nothing that axe finds wrong, nothing that moves while it loads; and a picture for people to look at, in artifacts/.</summary>
    /// <param name="script">Whether the page may run any: axe and the observer of shifts need it.</param>
    /// <param name="folder">Of the picture.</param>
    public static async Task SeeAsync(this BrowserPage visit, string name, bool script = true, string folder = "pages")
    {
        // Before the picture: a full one makes the window larger, which moves things too.
        var shift = script ? await visit.Page.EvaluateAsync<double>(Shift) : 0;
        await visit.Page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts", folder, $"{name}.png"), FullPage = true });
        shift.ShouldBe(0, $"{name} moves while it loads");
        (await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth")).ShouldBe(0, name);
        if (!script)
            return;
        (await Axe.FaultsAsync(visit.Page)).ShouldBeEmpty(name);
    }
}
