using System.Net;
using System.Text.RegularExpressions;
using Lockstep.Tests.Calendaring.Caldav;

namespace Lockstep.Tests.Integrations;

/// <summary>A calendar collection on a <see cref="FakeCaldavServer"/> that keeps what is PUT, without sync-collection; it can be made to misbehave.</summary>
public sealed partial class FakeCalendar
{
    private readonly FakeCaldavServer server;
    private int tag = 100;

    public FakeCalendar(FakeCaldavServer server, string path)
    {
        (this.server, Path) = (server, path);
        server.Answer(path, request => Instead?.Invoke(request.Method) ?? Collection(request));
    }

    public string Path { get; }

    public Uri Url => server.At(Path);

    public SortedDictionary<string, (string ETag, string Ics)> Members { get; } = new(StringComparer.Ordinal);

    /// <summary>Members that listings leave out although they are there.</summary>
    public HashSet<string> Hidden { get; } = [];

    /// <summary>What the collection says instead, by method.</summary>
    public Func<string, FakeAnswer>? Instead { get; set; }

    /// <summary>The next PUT is stored, and its answer breaks off.</summary>
    public bool LoseAnswerOfNextPut { get; set; }

    public int Puts { get; private set; }

    /// <summary>A poll tells neither ctag nor token.</summary>
    public bool TellsNoState { get; set; }

    /// <summary>It gives ETags nowhere, or not in the answer to a PUT.</summary>
    public bool TellsNoETags { get; set; }

    public bool TellsNoETagOfPut { get; set; }

    /// <summary>Its ETags are weak, and If-Match is compared with them letter by letter.</summary>
    public bool IsWeak { get; set; }

    /// <summary>Answers sync-collection, this many changes at once, and says 507 while there are more (RFC 6578 section 3.6).</summary>
    public int? ChangesAtOnce { get; set; }

    /// <summary>The names of members in the order of their changes, for <see cref="ChangesAtOnce"/>.</summary>
    public List<string> Log { get; } = [];

    private string Ctag => string.Join('-', Members.Where(member => !Hidden.Contains(member.Key)).Select(member => member.Key + member.Value.ETag.Trim('"')));

    private FakeAnswer Collection(SeenRequest request)
    {
        foreach (var name in Members.Keys)
            Serve(name);
        return request.Method switch
        {
            "PROPFIND" when request.Headers["Depth"] == "0" || !request.Body.Contains("getetag", StringComparison.Ordinal) => FakeAnswer.Multistatus(Self()),
            "PROPFIND" => FakeAnswer.Multistatus(Self() + string.Concat(Members.Where(m => !Hidden.Contains(m.Key)).Select(m => Member(m.Key, m.Value.ETag, null)))),
            "REPORT" when ChangesAtOnce is { } most && request.Body.Contains("sync-collection", StringComparison.Ordinal) => FakeAnswer.Multistatus(Changes(request.Body, most)),
            "REPORT" when request.Body.Contains("calendar-multiget", StringComparison.Ordinal) => FakeAnswer.Multistatus(string.Concat(Asked(request.Body))),
            _ => FakeAnswer.Empty(501),
        };
    }

    /// <summary>Lets a member that the client will name itself be stored.</summary>
    public void Serve(string name) => server.Answer(Path + name, request =>
    {
        switch (request.Method)
        {
            case "PUT":
                if (request.Headers.ContainsKey("If-None-Match") && Members.ContainsKey(name))
                    return FakeAnswer.Empty(412);
                if (request.Headers.TryGetValue("If-Match", out var match) && Members.TryGetValue(name, out var there) && match != there.ETag)
                    return FakeAnswer.Empty(412);
                Puts++;
                Members[name] = ($"{(IsWeak ? "W/" : "")}\"{++tag}\"", request.Body);
                if (TellsNoETagOfPut || TellsNoETags)
                    return FakeAnswer.Empty(204);
                var lost = LoseAnswerOfNextPut;
                LoseAnswerOfNextPut = false;
                return FakeAnswer.Empty(201, ("ETag", Members[name].ETag)) with { BreaksOff = lost };
            case "GET" when Members.TryGetValue(name, out var member):
                return new FakeAnswer(200, System.Text.Encoding.UTF8.GetBytes(member.Ics), "text/calendar", TellsNoETags ? [] : [("ETag", member.ETag)]);
            default:
                return FakeAnswer.Empty(404);
        }
    });

    private IEnumerable<string> Asked(string body)
    {
        foreach (Match asked in HrefElement().Matches(body))
        {
            var name = asked.Groups[1].Value[(asked.Groups[1].Value.LastIndexOf('/') + 1)..];
            yield return Members.TryGetValue(name, out var member)
                ? Member(name, member.ETag, member.Ics)
                : $"<D:response><D:href>{Path}{name}</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>";
        }
    }

    /// <summary>The token is how many entries of the log were told.</summary>
    private string Changes(string body, int most)
    {
        var token = TokenElement().Match(body).Groups[1].Value;
        var told = token.Length == 0 ? 0 : int.Parse(token, System.Globalization.CultureInfo.InvariantCulture);
        var next = Math.Min(told + most, Log.Count);
        var lines = Log.Skip(told).Take(most).Distinct().Select(name => Members.TryGetValue(name, out var member)
            ? Member(name, member.ETag, null)
            : $"<D:response><D:href>{Path}{name}</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>");
        var more = next < Log.Count ? $"<D:response><D:href>{Path}</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status></D:response>" : "";
        return string.Concat(lines) + more + $"<D:sync-token>{next}</D:sync-token>";
    }

    private string Self() =>
        $"""
        <D:response><D:href>{Path}</D:href><D:propstat><D:prop>
        <D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>Fake</D:displayname>
        {(TellsNoState ? "" : ChangesAtOnce is null ? $"<CS:getctag xmlns:CS=\"http://calendarserver.org/ns/\">{Ctag}.</CS:getctag>" : $"<D:sync-token>{Log.Count}</D:sync-token>")}
        </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
        """;

    private string Member(string name, string etag, string? ics) =>
        $"""
        <D:response><D:href>{Path}{name}</D:href><D:propstat><D:prop>{(TellsNoETags ? "" : $"<D:getetag>{WebUtility.HtmlEncode(etag)}</D:getetag>")}
        {(ics is null ? "" : $"<C:calendar-data>{WebUtility.HtmlEncode(ics)}</C:calendar-data>")}
        </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
        """;

    [GeneratedRegex("sync-token>([^<]*)<")]
    private static partial Regex TokenElement();

    [GeneratedRegex("href>([^<]+)<")]
    private static partial Regex HrefElement();
}
