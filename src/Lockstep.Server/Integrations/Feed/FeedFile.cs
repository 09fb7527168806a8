using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;

namespace Lockstep.Server.Integrations.Feed;

/// <summary>Why a feed that came is not read.</summary>
/// <param name="Sentence">Begins with the host, which is left out.</param>
internal sealed record FeedFault(string Code, string Sentence)
{
    public static readonly FeedFault NoCalendar = new("not_a_calendar", "answers, but not with a calendar that is complete: no BEGIN:VCALENDAR with its END.");

    public static readonly FeedFault TooLarge = new("feed_too_large", "sends a feed whose events, each with the time zones that it names, have more than 64 million characters together.");
}

/// <summary>A feed, cut into what a CalDAV server would keep: one resource a UID (RFC 4791 section 4.1), with the zones it names. Pure.</summary>
/// <param name="Objects">Each once, by href; the ETag is the hash of the text.</param>
internal sealed partial record FeedFile(IReadOnlyList<RemoteObject> Objects)
{
    /// <summary>Of all resources of a file together: what is read is held at once.</summary>
    private const long MostCharacters = 64L << 20;

    /// <param name="calendar">The href of the calendar: resources are addressed below it, by the hash of their UID.</param>
    /// <param name="fault">Why it is null: its events must not be taken for gone.</param>
    public static FeedFile? Read(string text, string calendar, out FeedFault? fault)
    {
        // Without its end it was cut off.
        fault = FeedFault.NoCalendar;
        if (!text.TrimEnd().EndsWith("END:VCALENDAR", StringComparison.OrdinalIgnoreCase))
            return null;
        var document = CalendarDocument.Parse(text);
        if (document.Calendar is not { } outer)
            return null;
        fault = FeedFault.TooLarge;
        var zones = document.ComponentsNamed("VTIMEZONE")
            .GroupBy(zone => zone.Text("TZID")?.Trim() ?? "", StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => Written(group.First()), StringComparer.Ordinal);
        var head = $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{Line(outer.Text("PRODID")) ?? "-//Lockstep//Feed//EN"}\r\n";
        var objects = new List<RemoteObject>();
        var room = MostCharacters;
        foreach (var group in document.ComponentsNamed("VEVENT").GroupBy(
            component => component.Text("UID") is { Length: > 0 } uid ? uid : Hash(Written(component)), StringComparer.Ordinal))
        {
            var events = string.Concat(group.Select(component => Event(component, group.Key)));
            // Every event with every zone of the file would be the product of the two.
            var used = string.Concat(ZonesOf(events).Select(name => zones.GetValueOrDefault(name)));
            if ((room -= head.Length + used.Length + events.Length) < 0)
                return null;
            objects.Add(Resource(calendar, group.Key, $"{head}{used}{events}END:VCALENDAR\r\n"));
        }
        fault = null;
        return new FeedFile(objects);
    }

    private static IEnumerable<string> ZonesOf(string events) => ZoneName().Matches(Fold().Replace(events, ""))
        .Select(match => match.Groups[1].Success ? match.Groups[1].Value : match.Groups[2].Value)
        .Distinct(StringComparer.Ordinal);

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

    [GeneratedRegex("TZID=(?:\"([^\"\\r\\n]*)\"|([^:;,\\r\\n]*))", RegexOptions.IgnoreCase)]
    private static partial Regex ZoneName();

    /// <summary>RFC 5545 section 3.1.</summary>
    [GeneratedRegex(@"\r?\n[ \t]")]
    private static partial Regex Fold();

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
