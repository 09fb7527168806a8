using System.Buffers;
using System.Diagnostics;
using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Bench.Ical;

/// <summary>One line about the library: what one core does.</summary>
/// <param name="Unit"><c>MB/s</c> (10^6 bytes) or <c>ms</c>.</param>
/// <param name="Cpu">Median of the rounds by the thread's processor time, with the extremes.</param>
/// <param name="Wall">Median by the clock on the wall.</param>
internal sealed record IcalFigure(string Name, string Title, string Unit, string Target, double Cpu, double Least, double Most, double Wall);

/// <summary>Reading, writing and expanding iCalendar texts, without server or database.</summary>
internal static class IcalFigures
{
    public const string Name = "ical";

    private const int Events = 5_000;
    private const int Series = 1_000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly Interval TwelveWeeks = new(Instant.FromUtc(2026, 3, 2, 0, 0), Instant.FromUtc(2026, 5, 25, 0, 0));
    private static readonly DateTimeZone Reader = DateTimeZoneProviders.Tzdb["America/New_York"];

    public static IReadOnlyList<IcalFigure> Measure(int rounds, Action<string> note, CancellationToken ct)
    {
        var export = SampleCalendars.Export(Events);
        var (mixed, daily) = (SampleCalendars.Recurring(Series, SampleCalendars.MixedRule), SampleCalendars.Recurring(Series, _ => "FREQ=DAILY"));
        var (mixedDocument, dailyDocument) = (CalendarDocument.Parse(mixed), CalendarDocument.Parse(daily));
        var output = new ArrayBufferWriter<byte>(export.Length * 2);
        return
        [
            Rate("ical.parse", $"parse an export of {Events:N0} events", "", () => CalendarDocument.Parse(export)),
            Rate("ical.emit", "parse it and emit it", ">= 50 MB/s", () => Emit(CalendarDocument.Parse(export))),
            Rate("ical.patch", "parse, change each SUMMARY, emit", "", () =>
            {
                var document = CalendarDocument.Parse(export);
                foreach (var vevent in document.ComponentsNamed("VEVENT"))
                    vevent.SetText("SUMMARY", "Moved to spring");
                Emit(document);
            }),
            Time("ical.expand", $"expand {Series:N0} series, 12 weeks, {Count(mixedDocument):N0} occurrences", "< 50 ms", () => Count(mixedDocument)),
            Time("ical.expand-daily", $"the same, all daily, {Count(dailyDocument):N0} occurrences", "< 50 ms", () => Count(dailyDocument)),
            Time("ical.expand-parse", "parse and expand the daily ones", "", () => Count(CalendarDocument.Parse(daily))),
        ];

        void Emit(CalendarDocument document)
        {
            output.ResetWrittenCount();
            document.WriteTo(output);
        }

        IcalFigure Rate(string name, string title, string target, Action once) =>
            Figure(name, title, "MB/s", target, once, time => export.Length / 1e6 / time.TotalSeconds);

        IcalFigure Time(string name, string title, string target, Action once) =>
            Figure(name, title, "ms", target, once, time => time.TotalMilliseconds);

        IcalFigure Figure(string name, string title, string unit, string target, Action once, Func<TimeSpan, double> value)
        {
            note($"{name}: {title}");
            // Until the compiler has done its best, beside us; what is measured after that is the program.
            for (var started = Stopwatch.StartNew(); started.Elapsed < WarmUp;)
                once();
            List<double> cpu = [], wall = [];
            for (var i = 0; i < rounds * 10; i++)
            {
                ct.ThrowIfCancellationRequested();
                var took = ThreadClock.Measure(once);
                cpu.Add(value(took.Cpu));
                wall.Add(value(took.Wall));
            }
            return new IcalFigure(name, title, unit, target, cpu.Median(), cpu.Min(), cpu.Max(), wall.Median());
        }
    }

    private static int Count(CalendarDocument document) => Occurrences.Expand(document, TwelveWeeks, Reader).Count();
}
