using Lockstep.Tests.Support;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Calendaring.ICalendar;
using Microsoft.FSharp.Core;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class CalendarPropertyTests
{
    private static readonly string[] Pieces =
    [
        "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:", "END:X", "\r\n", "\r\n", "\r\n", "\n", "\r", " ", "\t", "SUMMARY:",
        "DTSTART;TZID=\"", "\"", ":", ";", "ü", "🎉", "X-A;B=c:d", "\u0000", "RRULE:FREQ=DAILY", ",", "\\", "^",
    ];

    private static readonly Gen<string> Rule =
        from frequency in Gen.Elements("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
        from interval in Gen.Choose(1, 5)
        from part in Gen.Elements("", ";BYDAY=MO,FR", ";BYMONTH=3,10", ";BYHOUR=1,2,3", ";BYMONTHDAY=-1,29,31", ";BYDAY=SU;BYSETPOS=1", ";BYMINUTE=0,30")
        from bound in Gen.Elements("", ";COUNT=40", ";UNTIL=20270101T000000Z", ";COUNT=3")
        select $"FREQ={frequency};INTERVAL={interval}{part}{bound}";

    [Fact]
    public void Whatever_is_read_is_written_back()
    {
        Check(Gen.Elements(Pieces).ListOf(), pieces =>
        {
            var bytes = Encoding.UTF8.GetBytes(string.Concat(pieces));
            CalendarDocument.Parse(bytes).ToBytes().ShouldBe(bytes);
        });
        Check(Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(), bytes => CalendarDocument.Parse(bytes).ToBytes().ShouldBe(bytes));
    }

    [Fact]
    public void Damaged_files_are_expanded_without_exception()
    {
        var files = CalendarFiles.All.Select(File.ReadAllBytes).Where(bytes => bytes.Length is > 0 and < 8192).ToList();
        string[] values = ["99991231T235959", "00010101T000000Z", "19000101", "P9999W", "FREQ=YEARLY", "-1", "", ";", "20260229", "Europe/Berlin", "\r\n", "RRULE:FREQ=MINUTELY"];
        Check(
            from file in Gen.Elements<byte[]>(files)
            from places in Gen.Choose(0, 8191).ListOf(3)
            from value in Gen.Elements(values)
            select (file, places, value),
            sample =>
            {
                var text = Encoding.Latin1.GetString(sample.file);
                foreach (var place in sample.places)
                {
                    // After a colon a value goes, elsewhere something comes between.
                    var at = text.IndexOf(':', place % text.Length) is var colon and >= 0 && place % 2 == 0 ? colon + 1 : place % text.Length;
                    text = text[..at] + sample.value + text[Math.Min(text.Length, at + (place % 9))..];
                }
                var document = CalendarDocument.Parse(Encoding.Latin1.GetBytes(text));
                foreach (var zone in new[] { Expanding.NewYork, DateTimeZoneProviders.Tzdb["Pacific/Apia"] })
                    foreach (var occurrence in Occurrences.Expand(document, new NodaTime.Interval(Expanding.At("2011-12-20"), Expanding.At("2012-03-01")), zone))
                        (occurrence.LocalEnd >= occurrence.LocalStart || occurrence.End >= occurrence.Start).ShouldBeTrue();
                foreach (var occurrence in Occurrences.Expand(document, new NodaTime.Interval(null, null), Expanding.Berlin).Take(20))
                    occurrence.LocalStart.Year.ShouldBeInRange(0, 9999);
                _ = EventFacts.Of(document);
            });
    }

    [Fact]
    public void Text_survives_escaping_and_folding() =>
        Check(Gen.Elements("a", "\\", ";", ",", "\n", "n", "ü", "🎉", " ", ":", "\"", "lorem ipsum dolor sit amet ").ListOf(), pieces =>
        {
            var text = string.Concat(pieces);
            var document = CalendarDocument.Create();
            document.AddComponent("VEVENT").SetText("DESCRIPTION", text);
            CalendarDocument.Parse(document.ToBytes()).Components.Single().Text("DESCRIPTION").ShouldBe(text);
        });

    [Fact]
    public void Occurrences_come_in_order_and_windows_add_up() =>
        Check(
            from rule in Rule
            from first in Gen.Choose(0, 800)
            from second in Gen.Choose(0, 200)
            select (rule, first, second),
            sample =>
            {
                var document = Expanding.Event("DTSTART;TZID=Europe/Berlin:20240229T013000", "DTEND;TZID=Europe/Berlin:20240302T023000", $"RRULE:{sample.rule}");
                var a = Expanding.At("2024-02-28") + Duration.FromHours(sample.first * 25);
                var b = a + Duration.FromHours(sample.second);
                var c = b + Duration.FromDays(200);
                IEnumerable<Instant> whole = Starts(document, a, c);
                whole.ShouldBe(whole.Distinct().Order(), sample.ToString());
                Starts(document, a, b).Concat(Starts(document, b, c)).ShouldBe(whole, sample.ToString());
                Starts(document, Expanding.At("2020-01-01"), c).Where(start => start >= a).ShouldBe(whole, sample.ToString());
            });

    [Fact]
    public void A_rule_reads_back_as_it_was_written() =>
        Check(Rule, text =>
        {
            var rule = RecurrenceRule.Parse(text, out _)!.ToString();
            RecurrenceRule.Parse(rule, out _)!.ToString().ShouldBe(rule);
        });

    private static List<Instant> Starts(CalendarDocument document, Instant from, Instant to) =>
        Occurrences.Expand(document, new NodaTime.Interval(from, to), Expanding.NewYork).Select(o => o.Start).Where(start => start >= from).ToList();

    // One seed: what fails here fails everywhere.
    private static void Check<T>(Gen<T> samples, Action<T> property) =>
        FsCheck.Check.One(
            Properties.Config
                .WithMaxTest(300)
                .WithQuietOnSuccess(true),
            Prop.ForAll(samples.ToArbitrary(), property));
}
