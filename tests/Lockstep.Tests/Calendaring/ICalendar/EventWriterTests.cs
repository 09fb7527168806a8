using System.Text;
using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class EventWriterTests
{
    private static readonly Instant Now = Expanding.At("2026-05-01T10:00:00Z");

    [Fact]
    public void A_new_event_reads_back_as_what_was_asked_for()
    {
        var document = EventWriter.Create(
            new NewEvent
            {
                Uid = "1@example.com",
                Summary = "Lunch; with, Jo\\",
                Description = "one\ntwo",
                Location = "Café",
                Start = CalendarTime.Zoned(new LocalDateTime(2026, 7, 1, 13, 0), "Europe/Berlin"),
                End = CalendarTime.Zoned(new LocalDateTime(2026, 7, 1, 14, 0), "Europe/Berlin"),
                Status = EventStatus.Tentative,
                Transparency = Transparency.Transparent,
                Recurrence = ["RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE;TZID=Europe/Berlin:20260708T130000"],
            }, Now);
        var read = CalendarDocument.Parse(document.ToBytes());
        read.Problems.ShouldBeEmpty();
        read.ToString().ShouldBe(document.ToString());
        var facts = EventFacts.Of(read);
        (facts.Kind, facts.Uid, facts.Summary, facts.Description, facts.Location)
            .ShouldBe((ResourceKind.Event, "1@example.com", "Lunch; with, Jo\\", "one\ntwo", "Café"));
        (facts.Status, facts.Transparency, facts.Sequence, facts.LastModified).ShouldBe((EventStatus.Tentative, Transparency.Transparent, 0, Now));
        facts.RecurrenceLines.ShouldBe(["RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE;TZID=Europe/Berlin:20260708T130000"]);
        facts.IsRecurring.ShouldBeTrue();
        read.Between("2026-01-01", "2027-01-01").Single().Text().ShouldBe("2026-07-01T11:00:00Z 2026-07-01T12:00:00Z");
    }

    [Theory]
    [InlineData("Europe/Berlin")]
    [InlineData("America/New_York")]
    [InlineData("America/Sao_Paulo")]
    [InlineData("Australia/Lord_Howe")]
    [InlineData("Asia/Kolkata")]
    [InlineData("Asia/Dubai")]
    [InlineData("Africa/Casablanca")]
    [InlineData("Europe/Dublin")]
    [InlineData("Asia/Gaza")]
    [InlineData("America/Godthab")]
    public void The_VTIMEZONE_that_is_written_says_what_the_tz_database_says(string id)
    {
        var start = new LocalDateTime(2015, 1, 1, 12, 0);
        var text = EventWriter.Create(new NewEvent { Uid = "1", Summary = "", Start = CalendarTime.Zoned(start, id) }, Now)
            .ToString().Replace($":{id}", ":Renamed", StringComparison.Ordinal).Replace($"={id}", "=Renamed", StringComparison.Ordinal);
        var zones = new ZoneResolver(CalendarDocument.Parse(text), DateTimeZone.Utc);
        var zone = zones.Resolve("Renamed");
        zone.Source.ShouldBe(ZoneSource.Embedded);
        var known = DateTimeZoneProviders.Tzdb[id];
        for (var at = start.InUtc().ToInstant(); at < Expanding.At("2049-12-01"); at += Duration.FromHours(17))
            zone.Zone.GetUtcOffset(at).ShouldBe(known.GetUtcOffset(at), $"{id} {at}\n{text}");
    }

    [Fact]
    public void Lines_are_folded_at_75_octets_between_characters()
    {
        var summary = string.Concat(Enumerable.Repeat("Grüße 🎉 ", 40));
        var bytes = EventWriter.Create(new NewEvent { Uid = "1", Summary = summary, Start = CalendarTime.Utc(Now) }, Now).ToBytes();
        foreach (var line in Encoding.UTF8.GetString(bytes).Split("\r\n"))
        {
            Encoding.UTF8.GetByteCount(line).ShouldBeLessThanOrEqualTo(75);
            line.ShouldNotContain('\uFFFD');
        }
        EventFacts.Of(CalendarDocument.Parse(bytes)).Summary.ShouldBe(summary);
    }

    [Fact]
    public void Parameters_are_encoded_and_read_back()
    {
        var vevent = Expanding.Event("DTSTART:20260101T000000Z").ComponentsNamed("VEVENT").Single();
        vevent.SetProperty("ATTENDEE", "mailto:jo@example.com", [new Parameter("CN", "\"Jo\", ^ the; 1st:\nOffice"), new Parameter("X-L", ["a", "b,c"])]);
        var read = CalendarDocument.Parse(vevent.Property("ATTENDEE")!.Raw).Root.Property("ATTENDEE")!;
        read.Parameter("CN").ShouldBe("\"Jo\", ^ the; 1st:\nOffice");
        read.Parameters[1].Values.ShouldBe(["a", "b,c"]);
        Should.Throw<ArgumentException>(() => vevent.SetProperty("X-A", "one\r\nEND:VEVENT"));
        Should.Throw<ArgumentException>(() => vevent.SetProperty("X A:", "one"));
    }

    [Fact]
    public void An_override_is_added_to_a_resource_and_the_rest_stays()
    {
        var before = File.ReadAllText(Path.Combine(CalendarFiles.Samples, "weekly-berlin-crlf.ics"));
        var document = CalendarDocument.Parse(before);
        var master = document.ComponentsNamed("VEVENT").First();
        var instance = document.Between("2026-03-23", "2026-03-24").Single();
        var added = master.Override(instance.RecurrenceId!.Value, Now);
        added.SetText("SUMMARY", "Once");
        added.SetTime("DTSTART", CalendarTime.Zoned(new LocalDateTime(2026, 3, 24, 8, 0), "Europe/Berlin"));
        added.SetTime("DTEND", CalendarTime.Zoned(new LocalDateTime(2026, 3, 24, 9, 0), "Europe/Berlin"));

        master.Override(instance.RecurrenceId!.Value, Now).ShouldBe(added);
        var text = document.ToString();
        text.ShouldStartWith(before[..^"END:VCALENDAR\r\n".Length]);
        text.ShouldEndWith("END:VEVENT\r\nEND:VCALENDAR\r\n");
        var found = CalendarDocument.Parse(text).Between("2026-03-20", "2026-03-31");
        found.Select(o => $"{o.Start} {o.Summary}").ShouldBe(["2026-03-24T07:00:00Z Once", "2026-03-30T11:00:00Z Team lunch, with a folded line"]);
    }

    [Fact]
    public void Adding_to_a_text_that_stops_in_the_middle_of_a_line_ends_that_line_first()
    {
        var document = CalendarDocument.Parse("BEGIN:VEVENT\nUID:1");
        document.Components.Single().AddProperty("SUMMARY", "x");
        document.ToString().ShouldBe("BEGIN:VEVENT\nUID:1\nSUMMARY:x\n");
    }

    [Fact]
    public void New_properties_stand_before_inner_components()
    {
        var document = CalendarDocument.Parse("BEGIN:VEVENT\nUID:1\nBEGIN:VALARM\nEND:VALARM\nEND:VEVENT\n");
        document.Components.Single().SetText("LOCATION", "there");
        document.ToString().ShouldBe("BEGIN:VEVENT\nUID:1\nLOCATION:there\nBEGIN:VALARM\nEND:VALARM\nEND:VEVENT\n");
        document.Components.Single().SetText("LOCATION", null);
        document.ToString().ShouldBe("BEGIN:VEVENT\nUID:1\nBEGIN:VALARM\nEND:VALARM\nEND:VEVENT\n");
    }

    [Theory]
    [InlineData("RRULE:FREQ=DAILY;BYDAY=MO", null)]
    [InlineData("EXDATE;TZID=Europe/Berlin:20260708T130000,20260709T130000", null)]
    [InlineData("RDATE;VALUE=PERIOD:20260708T130000Z/PT1H", null)]
    [InlineData("RRULE:FREQ=SOMETIMES", "recurrence[0]: FREQ has a value that the rule may not have.")]
    [InlineData("RRULE:COUNT=3", "recurrence[0]: FREQ is missing.")]
    [InlineData("EXDATE;TZID=Mars/Base:20260708T130000", "recurrence[0]: EXDATE names an unknown time zone; use a name of the tz database such as Europe/Berlin.")]
    [InlineData("SUMMARY:x", "recurrence[0]: Only RRULE, RDATE and EXDATE lines say how an event repeats.")]
    [InlineData("RRULE:FREQ=DAILY\r\nATTENDEE:x", "recurrence[0]: This is not a line of the form RRULE:FREQ=DAILY, on one line.")]
    public void Recurrence_lines_are_checked(string line, string? problem) => RecurrenceLines.Problem([line]).ShouldBe(problem);

    [Fact]
    public void A_revision_raises_the_sequence_and_the_stamps()
    {
        var vevent = Expanding.Event("DTSTART:20260101T000000Z", "SEQUENCE:4", "DTSTAMP:20200101T000000Z").ComponentsNamed("VEVENT").Single();
        vevent.Revise(Now);
        (vevent.Text("SEQUENCE"), vevent.Text("DTSTAMP"), vevent.Text("LAST-MODIFIED")).ShouldBe(("5", "20260501T100000Z", "20260501T100000Z"));
    }
}
