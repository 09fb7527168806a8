namespace Lockstep.Server.Calendars;

/// <summary>The mirror's row of one resource on a CalDAV server.</summary>
internal readonly record struct CalendarObjectId(Guid Value)
{
    public static CalendarObjectId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}
