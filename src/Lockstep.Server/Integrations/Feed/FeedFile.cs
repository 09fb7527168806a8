using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;

namespace Lockstep.Server.Integrations.Feed;

/// <summary>A feed, cut into what a CalDAV server would keep: one resource a UID (RFC 4791 section 4.1), with the zones of the file. Pure.</summary>
/// <param name="Objects">Each once, by href; the ETag is the hash of the text.</param>
internal sealed partial record FeedFile(IReadOnlyList<RemoteObject> Objects)
{
    /// <param name="calendar">The href of the calendar: resources are addressed below it, by the hash of their UID.</param>
    /// <returns>Null for what is no calendar, or was cut off: its events must not be taken for gone.</returns>
    public static FeedFile? Read(string text, string calendar)
    {
        if (!text.TrimEnd().EndsWith("END:VCALENDAR", StringComparison.OrdinalIgnoreCase))
            return null;
        var document = CalendarDocument.Parse(text);
        if (document.Calendar is not { } outer)
            return null;
        var zones = string.Concat(document.ComponentsNamed("VTIMEZONE").Select(Written));
        var head = $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{Line(outer.Text("PRODID")) ?? "-//Lockstep//Feed//EN"}\r\n";
        var objects = document.ComponentsNamed("VEVENT")
            .GroupBy(component => component.Text("UID") is { Length: > 0 } uid ? uid : Hash(Written(component)), StringComparer.Ordinal)
            .Select(group => Resource(calendar, group.Key, head + zones + string.Concat(group.Select(component => Event(component, group.Key))) + "END:VCALENDAR\r\n"))
            .ToList();
        return new FeedFile(objects);
    }

    private static RemoteObject Resource(string calendar, string uid, string ics) =>
        new($"{calendar}{(calendar.Contains('#', StringComparison.Ordinal) ? "-" : "#")}{Hash(uid)}", $"\"{Hash(Stamp().Replace(ics, ""))}\"", ics, null);

    /// <summary>Feeds leave the UID out, which events need.</summary>
    private static string Event(CalendarComponent component, string uid)
    {
        var written = Written(component);
        var end = written.IndexOf('\n', StringComparison.Ordinal) + 1;
        return component.Text("UID") is { Length: > 0 } ? written : $"{written[..end]}UID:{uid}\r\n{written[end..]}";
    }

    private static string Written(CalendarComponent component) => Encoding.UTF8.GetString(component.ToBytes()) is var text && text.EndsWith('\n') ? text : text + "\r\n";

    private static string? Line(string? text) => text is { Length: > 0 and < 200 } && !text.Any(char.IsControl) ? text : null;

    /// <summary>Feeds are written anew each time, with the time of that in each event; nothing has changed by it.</summary>
    [GeneratedRegex(@"^DTSTAMP[;:].*\n", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Stamp();

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
