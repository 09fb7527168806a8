using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Whose days all-day and floating events are where a reader names no zone.</summary>
internal static class ReaderZone
{
    /// <returns>The zone that the caller works in, as his provider settings say (the hours' own zone wins); UTC for who has set none.</returns>
    public static async Task<DateTimeZone> Of(TenantSession session, CancellationToken ct)
    {
        var names = await session.Query(
            new Statement(
                """
                SELECT coalesce(p.settings #>> '{workingHours,timezone}', p.timezone)
                FROM   lockstep.providers p
                WHERE  p.owner_user_id = lockstep.current_user_id()
                """),
            row => row.GetString(0), ct);
        return names.Count > 0 && ZoneResolver.Find(names[0]) is { } zone ? zone : DateTimeZone.Utc;
    }
}
