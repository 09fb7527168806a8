namespace Lockstep.Calendaring.ICalendar;

/// <summary>The words of TRANSP and STATUS.</summary>
internal static class EventWords
{
    public static Transparency Transparency(string? value) =>
        "TRANSPARENT".Equals(value?.Trim(), StringComparison.OrdinalIgnoreCase) ? ICalendar.Transparency.Transparent : ICalendar.Transparency.Opaque;

    public static EventStatus Status(string? value) => value?.Trim().ToUpperInvariant() switch
    {
        "TENTATIVE" => EventStatus.Tentative,
        "CONFIRMED" => EventStatus.Confirmed,
        "CANCELLED" => EventStatus.Cancelled,
        _ => EventStatus.None,
    };
}
