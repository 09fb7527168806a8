using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

/// <summary>A booking, end to end: the page, the owner's real calendar server, and back.</summary>
public sealed class BookingOnRadicaleTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_booking_is_written_to_the_owners_calendar_moves_there_and_goes_from_there()
    {
        await synced.Alice.MakeCalendarAsync("booked", Ct);
        var owner = synced.App.As("alice-books");
        var id = (await owner.ConnectAsync(synced.Radicale.Url, "/alice/booked/")).Id();
        await owner.SyncedAsync(id);
        await owner.TakeBookingsAsync("alice-books");
        using var visitor = new BookingVisitor(synced.App.Url);
        var monday = Provider.Monday;

        var link = await visitor.BookAsync("alice-books", BookingVisitor.At(monday, "09:30"), "Sam Visitor", note: "See you");
        await owner.SyncedAsync(id);
        var file = Directory.GetFiles(synced.Radicale.CalendarFolder("alice", "booked"), "*.ics").Single();
        var text = await File.ReadAllTextAsync(file, Ct);
        text.ShouldContain("SUMMARY:Booked: Sam Visitor");
        text.ShouldContain($"DTSTART;TZID=Asia/Dubai:{monday:yyyyMMdd}T093000");

        (await visitor.SendAsync($"{link}/move", new Dictionary<string, string> { ["at"] = BookingVisitor.At(monday, "11:00") })).Headers.Location!.ToString().ShouldBe(link);
        await owner.SyncedAsync(id);
        (await File.ReadAllTextAsync(file, Ct)).ShouldContain($"DTSTART;TZID=Asia/Dubai:{monday:yyyyMMdd}T110000");

        // What the owner puts into the calendar elsewhere takes times here after the next sync.
        await synced.Alice.PutAsync("booked/court.ics", DavProbe.Event("court@alice", "Court", $"{monday:yyyyMMdd}T050000Z", $"{monday:yyyyMMdd}T060000Z"), Ct);
        await owner.SyncedAsync(id);
        (await synced.App.Anonymous().TimesAsync("alice-books", monday)).ShouldBe(["10:00", "10:30", "11:30"]);

        (await visitor.SendAsync($"{link}/cancel", new Dictionary<string, string>())).Headers.Location!.ToString().ShouldBe(link);
        await owner.SyncedAsync(id);
        File.Exists(file).ShouldBeFalse();
        (await synced.App.Anonymous().TimesAsync("alice-books", monday)).ShouldBe(["10:00", "10:30", "11:00", "11:30"]);
    }
}
