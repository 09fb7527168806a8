using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Lockstep.Tests.Support;

/// <summary>A second, much simpler client: it stores, reads and removes files on a CalDAV server with plain HTTP.</summary>
/// <param name="home">Ends with a slash; all paths are relative to it.</param>
public sealed class DavProbe(Uri home, string user, string password)
{
    // Radicale closes each connection after its answer, which the pool would notice too late.
    private static readonly HttpMessageInvoker Http = new(
        new SocketsHttpHandler { UseProxy = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.Zero });

    public Uri Home { get; } = home;

    public async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            using var answer = await SendAsync(new HttpMethod("OPTIONS"), "", null, ct);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>MKCALENDAR (RFC 4791 section 5.3.1).</summary>
    /// <returns>The address of the calendar.</returns>
    public async Task<Uri> MakeCalendarAsync(
        string name, CancellationToken ct, string? displayName = null, string component = "VEVENT", string color = "#3366CC")
    {
        var body =
            $"""
            <mkcalendar xmlns="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:" xmlns:A="http://apple.com/ns/ical/"><D:set><D:prop>
            <D:displayname>{WebUtility.HtmlEncode(displayName ?? name)}</D:displayname><A:calendar-color>{color}</A:calendar-color>
            <supported-calendar-component-set><comp name="{component}"/></supported-calendar-component-set>
            </D:prop></D:set></mkcalendar>
            """;
        using var answer = await SendAsync(new HttpMethod("MKCALENDAR"), name + "/", new StringContent(body, Encoding.UTF8, "application/xml"), ct);
        Require(answer, "MKCALENDAR " + name);
        return new Uri(Home, name + "/");
    }

    /// <summary>Stores a raw .ics, over whatever stands there.</summary>
    public async Task PutAsync(string path, string ics, CancellationToken ct)
    {
        if (!await TryPutAsync(path, ics, ct))
            throw new InvalidOperationException($"PUT {path} was refused.");
    }

    /// <returns>False when the server refuses it.</returns>
    public async Task<bool> TryPutAsync(string path, string ics, CancellationToken ct)
    {
        using var content = new StringContent(ics, Encoding.UTF8, "text/calendar");
        using var answer = await SendAsync(HttpMethod.Put, path, content, ct);
        return answer.IsSuccessStatusCode;
    }

    /// <returns>Null when it is not there.</returns>
    public async Task<string?> GetAsync(string path, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, null, ct);
        if (answer.StatusCode == HttpStatusCode.NotFound)
            return null;
        Require(answer, "GET " + path);
        return await answer.Content.ReadAsStringAsync(ct);
    }

    public async Task DeleteAsync(string path, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Delete, path, null, ct);
        Require(answer, "DELETE " + path);
    }

    /// <summary>Asks for all ETags of a calendar until that is answered: a server may read many files before it says a word.</summary>
    public async Task WaitForAsync(string calendar, TimeSpan patience, CancellationToken ct)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(patience);
        using var content = new StringContent("""<propfind xmlns="DAV:" xmlns:C="http://calendarserver.org/ns/"><prop><sync-token/><C:getctag/></prop></propfind>""", Encoding.UTF8, "application/xml");
        using var answer = await SendAsync(new HttpMethod("PROPFIND"), calendar + "/", content, limited.Token, depth: "0");
        Require(answer, "PROPFIND " + calendar);
    }

    /// <summary>The names of the members of a calendar, sorted.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(string calendar, CancellationToken ct)
    {
        using var content = new StringContent("""<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>""", Encoding.UTF8, "application/xml");
        using var answer = await SendAsync(new HttpMethod("PROPFIND"), calendar.TrimEnd('/') + "/", content, ct, depth: "1");
        Require(answer, "PROPFIND " + calendar);
        var xml = System.Xml.Linq.XDocument.Parse(await answer.Content.ReadAsStringAsync(ct));
        return xml.Descendants("{DAV:}response")
            .Select(r => r.Element("{DAV:}href")!.Value)
            .Where(href => !href.EndsWith('/'))
            .Select(href => Uri.UnescapeDataString(href[(href.LastIndexOf('/') + 1)..]))
            .Order(StringComparer.Ordinal)
            .ToList();
    }

    /// <summary>A minimal event, for tests that only need one.</summary>
    public static string Event(string uid, string summary, string start = "20260302T090000Z", string end = "20260302T100000Z") =>
        $"""
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Example//Probe//EN
        BEGIN:VEVENT
        UID:{uid}
        DTSTAMP:20260101T000000Z
        DTSTART:{start}
        DTEND:{end}
        SUMMARY:{summary}
        END:VEVENT
        END:VCALENDAR

        """.ReplaceLineEndings("\r\n");

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct, string? depth = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(Home, path)) { Content = content };
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", credentials);
        request.Headers.ExpectContinue = false;
        if (depth is not null)
            request.Headers.Add("Depth", depth);
        var answer = await Http.SendAsync(request, ct);
        await answer.Content.LoadIntoBufferAsync(ct);
        return answer;
    }

    private static void Require(HttpResponseMessage answer, string what)
    {
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"{what} answered {(int)answer.StatusCode}.");
    }
}
