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

    private string Ctag => string.Join('-', Members.Where(member => !Hidden.Contains(member.Key)).Select(member => member.Key + member.Value.ETag.Trim('"')));

    private FakeAnswer Collection(SeenRequest request)
    {
        foreach (var name in Members.Keys)
            Serve(name);
        return request.Method switch
        {
            "PROPFIND" when request.Headers["Depth"] == "0" || !request.Body.Contains("getetag", StringComparison.Ordinal) => FakeAnswer.Multistatus(Self()),
            "PROPFIND" => FakeAnswer.Multistatus(Self() + string.Concat(Members.Where(m => !Hidden.Contains(m.Key)).Select(m => Member(m.Key, m.Value.ETag, null)))),
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
                Puts++;
                Members[name] = ($"\"{++tag}\"", request.Body);
                var lost = LoseAnswerOfNextPut;
                LoseAnswerOfNextPut = false;
                return FakeAnswer.Empty(201, ("ETag", Members[name].ETag)) with { BreaksOff = lost };
            case "GET" when Members.TryGetValue(name, out var member):
                return new FakeAnswer(200, System.Text.Encoding.UTF8.GetBytes(member.Ics), "text/calendar", ("ETag", member.ETag));
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

    private string Self() =>
        $"""
        <D:response><D:href>{Path}</D:href><D:propstat><D:prop>
        <D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>Fake</D:displayname>
        <CS:getctag xmlns:CS="http://calendarserver.org/ns/">{Ctag}.</CS:getctag>
        </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
        """;

    private string Member(string name, string etag, string? ics) =>
        $"""
        <D:response><D:href>{Path}{name}</D:href><D:propstat><D:prop><D:getetag>{WebUtility.HtmlEncode(etag)}</D:getetag>
        {(ics is null ? "" : $"<C:calendar-data>{WebUtility.HtmlEncode(ics)}</C:calendar-data>")}
        </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
        """;

    [GeneratedRegex("href>([^<]+)<")]
    private static partial Regex HrefElement();
}
