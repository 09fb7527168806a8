using System.Text.Encodings.Web;
using System.Text.Json;
using Lockstep.Calendaring.ICalendar;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Cli;

/// <summary>Writes occurrences as JSON, one line each.</summary>
internal sealed class OccurrenceLines : IDisposable
{
    private const int FlushAt = 32_768;

    // With seconds in the offset where a zone had them, as Liberia did until 1972.
    private static readonly OffsetDateTimePattern ToTheSecond = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'sso<+HH:mm:ss>");
    private static readonly OffsetDateTimePattern ToTheMinute = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'sso<+HH:mm>");

    private readonly Stream output;
    private readonly Utf8JsonWriter json;
    private readonly MemoryStream pending = new();

    public OccurrenceLines(Stream output)
    {
        this.output = output;
        // A terminal or jq reads it, no HTML page: letters stay letters.
        json = new Utf8JsonWriter(pending, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <param name="zone">On whose clock the local times are.</param>
    public void Write(Occurrence occurrence, DateTimeZone zone)
    {
        json.Reset();
        json.WriteStartObject();
        json.WriteString("start", InstantPattern.General.Format(occurrence.Start));
        json.WriteString("end", InstantPattern.General.Format(occurrence.End));
        json.WriteString("startLocal", Local(occurrence.Start, zone));
        json.WriteString("endLocal", Local(occurrence.End, zone));
        json.WriteString("zone", zone.Id);
        json.WriteBoolean("allDay", occurrence.IsAllDay);
        json.WriteString("uid", occurrence.Uid);
        json.WriteString("summary", occurrence.Summary);
        if (occurrence.RecurrenceId is { } id)
            json.WriteString("recurrenceId", id.ToString());
        else
            json.WriteNull("recurrenceId");
        json.WriteEndObject();
        json.Flush();
        pending.WriteByte((byte)'\n');
        if (pending.Length >= FlushAt)
            Flush();
    }

    public void Flush()
    {
        pending.WriteTo(output);
        pending.SetLength(0);
        output.Flush();
    }

    public void Dispose()
    {
        Flush();
        json.Dispose();
        pending.Dispose();
    }

    private static string Local(Instant instant, DateTimeZone zone)
    {
        var local = instant.InZone(zone).ToOffsetDateTime();
        return (local.Offset.Seconds % 60 == 0 ? ToTheMinute : ToTheSecond).Format(local);
    }
}
