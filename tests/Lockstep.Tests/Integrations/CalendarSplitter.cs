using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Tests.Integrations;

/// <summary>Cuts a calendar file into what a CalDAV server takes: one resource a UID (RFC 4791 section 4.1), with the zones of the file.</summary>
/// <remarks>It looks at lines alone and knows nothing of our reader. A missing UID, DTSTART or DTSTAMP is added; what is wrong otherwise stays wrong.</remarks>
internal static class CalendarSplitter
{
    private static readonly string[] Items = ["VEVENT", "VTODO", "VJOURNAL"];

    public static IEnumerable<string> Split(string path)
    {
        var components = Components(File.ReadAllText(path).TrimStart('\uFEFF')).ToList();
        var zones = components.Where(component => component[0] == "BEGIN:VTIMEZONE").SelectMany(component => component).ToList();
        var file = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFileName(path))))[..6];
        foreach (var item in components.Where(component => component[0] != "BEGIN:VTIMEZONE").GroupBy(component => $"{component[0]} {Uid(component)}"))
        {
            var uid = $"{Uid(item.First())}-{file}";
            yield return string.Join("\r\n", [
                "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Samples//EN", .. zones,
                .. item.SelectMany(component => Complete(component, uid)), "END:VCALENDAR", ""]);
        }
    }

    private static IEnumerable<List<string>> Components(string text)
    {
        List<string>? open = null;
        foreach (var line in text.Split('\n').Select(line => line.TrimEnd('\r')))
        {
            var word = line.Trim().ToUpperInvariant();
            if (open is null && word.StartsWith("BEGIN:", StringComparison.Ordinal) && (word == "BEGIN:VTIMEZONE" || Items.Contains(word[6..])))
                open = [word];
            else
                open?.Add(line);
            if (open is not null && word == "END:" + open[0][6..])
            {
                yield return open;
                open = null;
            }
        }
    }

    private static string Uid(List<string> component) =>
        component.Find(line => line.StartsWith("UID:", StringComparison.OrdinalIgnoreCase)) is { Length: > 4 } line
            ? line[4..].Trim()
            : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(component))))[..16];

    private static IEnumerable<string> Complete(List<string> component, string uid)
    {
        yield return component[0];
        yield return "UID:" + uid;
        foreach (var (name, value) in new[] { ("DTSTAMP", ":20200101T100000Z"), ("DTSTART", ":20200101T100000Z") })
        {
            if (!component.Exists(line => line.StartsWith(name, StringComparison.OrdinalIgnoreCase)))
                yield return name + value;
        }
        var afterUid = false;
        foreach (var line in component.Skip(1))
        {
            // The UID goes with the lines that it is folded over.
            afterUid = line.StartsWith("UID", StringComparison.OrdinalIgnoreCase) || (afterUid && line is [' ' or '\t', ..]);
            if (!afterUid)
                yield return line;
        }
    }
}
