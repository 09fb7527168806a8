using NodaTime;
using NodaTime.Text;

namespace Lockstep.Cli;

/// <summary>A time as people write it on a command line.</summary>
internal static class WindowTime
{
    private static readonly IPattern<LocalDateTime> Local = new CompositePatternBuilder<LocalDateTime>
    {
        { LocalDateTimePattern.GeneralIso, _ => true },
        { LocalDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm"), _ => true },
    }.Build();

    /// <param name="zone">In which a date (its midnight) or a time without offset is.</param>
    /// <returns>Null when it is no time.</returns>
    public static Instant? Parse(string text, DateTimeZone zone) =>
        OffsetDateTimePattern.Rfc3339.Parse(text) is { Success: true } exact ? exact.Value.ToInstant()
        : LocalDatePattern.Iso.Parse(text) is { Success: true } day ? zone.AtStartOfDay(day.Value).ToInstant()
        : Local.Parse(text) is { Success: true } local ? zone.AtLeniently(local.Value).ToInstant()
        : null;
}
