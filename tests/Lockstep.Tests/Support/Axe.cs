using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace Lockstep.Tests.Support;

/// <summary>axe-core in a page: its script goes into each frame once, and only what is wrong comes back.</summary>
/// <remarks>The package's own way to run it opens a page of its own for each run and tells of everything that is right; that takes several times as long.</remarks>
public static class Axe
{
    private const string Run =
        """
        async () => (await axe.run(document, { resultTypes: ["violations"], iframes: false })).violations
          .map(found => `${found.id}: ${found.help} ${found.nodes.map(node => node.html).join(" ")}`)
        """;

    private static readonly Lazy<string> Script = new(Read);

    /// <returns>Nothing for a page that is well.</returns>
    public static async Task<List<string>> FaultsAsync(IPage page)
    {
        var faults = new List<string>();
        foreach (var frame in page.Frames)
        {
            if (!await frame.EvaluateAsync<bool>("() => 'axe' in window"))
                await frame.EvaluateAsync(Script.Value);
            faults.AddRange(await frame.EvaluateAsync<string[]>(Run));
        }
        return faults;
    }

    private static string Read()
    {
        using var stream = typeof(AxeRunOptions).Assembly.GetManifestResourceStream("Deque.AxeCore.Commons.Resources.axe.min.js")
            ?? throw new InvalidOperationException("The package of axe-core has its script elsewhere now.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
