using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>What a visitor asked to see. Links are passed around and grow old: what cannot be read is left out, not refused.</summary>
/// <param name="Zone">Null: the visitor has not said.</param>
internal sealed record PageQuery(LocalDate? Day, YearMonth? Month, DateTimeZone? Zone)
{
    public static PageQuery Read(string? day, string? month, string? tz) => new(
        LocalDatePattern.Iso.Parse(day ?? "") is { Success: true } date ? date.Value : null,
        YearMonthPattern.Iso.Parse(month ?? "") is { Success: true } of ? of.Value : null,
        ZoneNames.Find(tz));

    /// <summary>The address of another day of the same page.</summary>
    public string To(LocalDate day) => $"?day={LocalDatePattern.Iso.Format(day)}{ZonePart}";

    /// <summary>The address of a month; its first free day is chosen there.</summary>
    public string To(YearMonth month) => $"?month={YearMonthPattern.Iso.Format(month)}{ZonePart}";

    private string ZonePart => Zone is null ? "" : $"&tz={Uri.EscapeDataString(Zone.Id)}";
}
