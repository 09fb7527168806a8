using Lockstep.Tests.Booking;
using Lockstep.Tests.Support;
using Microsoft.Playwright;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>A walk over many pages in Chromium, on a phone or on a desk, each of them looked at by a <see cref="PageInspector"/>.</summary>
/// <param name="Folder">Of the pictures, below artifacts.</param>
/// <param name="Zone">Of the visitor.</param>
/// <param name="Product">The host that pages lead back to; null where there is none.</param>
internal sealed record PageTour(LockstepApp App, Browser Browser, string Folder, string Zone = "Asia/Dubai", string? Product = null)
{
    /// <summary>Fails with everything that was found, after the last page.</summary>
    public async Task WalkAsync(int width, Func<PageInspector, Task> walk)
    {
        await using var visit = await Browser.OpenAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
            Locale = "en-GB",
            TimezoneId = Zone,
        });
        if (Product is not null)
            await visit.Page.RouteAsync($"https://{Product}/**", route => route.FulfillAsync(new() { ContentType = "text/html", Body = "<title>The product</title>" }));
        var look = new PageInspector(visit, App.Url, width, Folder) { Product = Product };
        await walk(look);
        look.AtTheEnd();
        TestContext.Current.TestOutputHelper!.WriteLine($"{look.Pages} pages at {width} pixels in light and dark; the heaviest {look.Heaviest.Name} with {look.Heaviest.Bytes} bytes");
        look.Faults.ShouldBeEmpty();
    }
}

internal static class PageTourCalls
{
    /// <summary>As somebody with all rights on the database.</summary>
    public static async Task CommandAsync(this LockstepApp app, string sql)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>While something fails, as a fault of the server.</summary>
    public static async Task WithoutAsync(this LockstepApp app, string table, Func<Task> meanwhile)
    {
        await app.CommandAsync($"ALTER TABLE lockstep.{table} RENAME TO {table}_away");
        try
        {
            await meanwhile();
        }
        finally
        {
            await app.CommandAsync($"ALTER TABLE lockstep.{table}_away RENAME TO {table}");
        }
    }

    /// <summary>A calendar called Work with twelve meetings, one a day from the Monday that tests know.</summary>
    public static async Task MakeWorkAsync(this DavProbe probe, string calendar)
    {
        var ct = TestContext.Current.CancellationToken;
        await probe.MakeCalendarAsync(calendar, ct, "Work");
        for (var i = 0; i < 12; i++)
        {
            var day = Provider.Monday.PlusDays(i);
            await probe.PutAsync($"{calendar}/{i}.ics", DavProbe.Event($"{calendar}-{i}", $"Meeting {i + 1}", $"{day:yyyyMMdd}T060000Z", $"{day:yyyyMMdd}T070000Z"), ct);
        }
    }
}
