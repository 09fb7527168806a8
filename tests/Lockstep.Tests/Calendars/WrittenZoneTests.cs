using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class WrittenZoneTests
{
    [Theory]
    [InlineData("Europe/Berlin")]
    [InlineData("America/New_York")]
    [InlineData("Australia/Lord_Howe")]
    [InlineData("Asia/Dubai")]
    [InlineData("Africa/Casablanca")]
    [InlineData("Asia/Kathmandu")]
    public void A_reader_that_knows_no_zone_by_name_finds_the_same_instants_in_the_written_one(string zone)
    {
        var change = new EventBody
        {
            Summary = "Daily",
            Start = new EventTime("2026-01-01T09:00:00", TimeZone: zone),
            End = new EventTime("2026-01-01T10:00:00", TimeZone: zone),
            Recurrence = ["RRULE:FREQ=DAILY;INTERVAL=3"],
        }.Check(making: true, new())!;
        var text = EventEditing.Create(change, "u", At("2026-01-01T00:00:00Z"));
        var window = new Interval(At("2026-01-01T00:00:00Z"), At("2033-01-01T00:00:00Z"));

        var named = Starts(text, window);
        var embedded = Starts(text.Replace(zone, "Nowhere in particular"), window);

        named.Count.ShouldBeGreaterThan(800);
        embedded.ShouldBe(named);
    }

    private static List<Instant> Starts(string ics, Interval window) =>
        [.. Occurrences.Expand(CalendarDocument.Parse(ics), window, DateTimeZone.Utc).Select(occurrence => occurrence.Start)];
}
