using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Both sides had changed one event. Both texts are kept, so that the loser can be brought back.</summary>
/// <param name="LocalIcs">Null: it was deleted here.</param>
/// <param name="RemoteIcs">Null: it was deleted there.</param>
internal sealed record EventConflict(
    EventId Event, string Href, string Summary, string? LocalIcs, string? RemoteIcs, Instant LocalAt, Instant RemoteAt, bool LocalWins)
{
    /// <summary>Users only read conflicts and timelines: the function is the way in.</summary>
    public Statement Record(CalendarId calendar) => new(
        "SELECT lockstep.record_conflict($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        Guid.CreateVersion7(), Event.Value, calendar.Value, Href, Summary, LocalIcs, RemoteIcs,
        EventRows.Storable(LocalAt), EventRows.Storable(RemoteAt), LocalWins ? "local" : "remote");
}
