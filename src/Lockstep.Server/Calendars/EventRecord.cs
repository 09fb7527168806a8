using System.Collections.Immutable;
using System.Text.Json;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>What the change log keeps of an event. Making it takes longer than all else about an event, and is better done before its page is written.</summary>
/// <param name="At">The event's stamp; of each field too.</param>
internal sealed record EventRecord(
    string Ics, CalendarId? Calendar, MatterId? Matter, Instant At, ImmutableSortedDictionary<string, FieldWrite> Fields, RecordState State)
{
    public static EventRecord Of(EventRow row)
    {
        var fields = Texts(row);
        var at = FieldTime.Of(row.ChangedAt, Change.Server);
        return new EventRecord(
            row.Ics,
            row.Calendar,
            row.Matter,
            row.ChangedAt,
            fields.ToImmutableSortedDictionary(field => field.Key, field => new FieldWrite(field.Value, null), StringComparer.Ordinal),
            RecordState.Write(fields.Select(field => KeyValuePair.Create(field.Key, new FieldValue(field.Value, at))), at));
    }

    /// <summary>Whether it is still what this row comes to.</summary>
    public bool IsOf(EventRow row) => ReferenceEquals(Ics, row.Ics) && Calendar == row.Calendar && Matter == row.Matter && At == row.ChangedAt;

    /// <summary>All fields of the record, as JSON.</summary>
    public static IReadOnlyDictionary<string, string> Texts(EventRow row)
    {
        var view = EventView.Of(row);
        return new Dictionary<string, string>
        {
            ["uid"] = Json(view.Uid),
            ["summary"] = Json(view.Summary),
            ["description"] = Json(view.Description),
            ["location"] = Json(view.Location),
            ["start"] = Json(view.Start),
            ["end"] = Json(view.End),
            ["allDay"] = Json(view.AllDay),
            ["status"] = Json(view.Status),
            ["transparency"] = Json(view.Transparency),
            ["recurrence"] = Json(view.Recurrence),
            ["calendarId"] = Json(view.CalendarId),
            ["matterId"] = Json(view.MatterId),
            ["ics"] = Json(row.Ics),
        };
    }

    private static string Json<T>(T value) => JsonSerializer.Serialize(value, StrictJson.Options);
}
