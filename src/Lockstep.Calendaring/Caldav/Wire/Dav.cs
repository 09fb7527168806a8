using System.Security;
using System.Text;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>A property name: namespace and local name.</summary>
internal readonly record struct DavName(string Namespace, string Local)
{
    public static readonly DavName ResourceType = Dav("resourcetype");
    public static readonly DavName DisplayName = Dav("displayname");
    public static readonly DavName GetETag = Dav("getetag");
    public static readonly DavName LastModified = Dav("getlastmodified");
    public static readonly DavName SyncToken = Dav("sync-token");
    public static readonly DavName Privileges = Dav("current-user-privilege-set");
    public static readonly DavName Reports = Dav("supported-report-set");
    public static readonly DavName Principal = Dav("current-user-principal");
    public static readonly DavName Home = Cal("calendar-home-set");
    public static readonly DavName Components = Cal("supported-calendar-component-set");
    public static readonly DavName CalendarData = Cal("calendar-data");
    public static readonly DavName Ctag = new("http://calendarserver.org/ns/", "getctag");
    public static readonly DavName Color = new("http://apple.com/ns/ical/", "calendar-color");

    public static DavName Dav(string local) => new("DAV:", local);

    public static DavName Cal(string local) => new("urn:ietf:params:xml:ns:caldav", local);
}

/// <summary>The request bodies, as small as they can be: an idle poll is sent once a minute for every account.</summary>
internal static class DavBodies
{
    /// <summary>What discovery asks of an address that may be anything.</summary>
    public static readonly byte[] Whoami = Encoding.UTF8.GetBytes(
        """<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><resourcetype/><current-user-principal/><C:calendar-home-set/></prop></propfind>""");

    public static readonly byte[] Calendars = Encoding.UTF8.GetBytes(
        """<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/" xmlns:A="http://apple.com/ns/ical/"><prop><resourcetype/><displayname/><A:calendar-color/><C:supported-calendar-component-set/><current-user-privilege-set/><supported-report-set/><S:getctag/></prop></propfind>""");

    public static readonly byte[] Poll = Encoding.UTF8.GetBytes(
        """<propfind xmlns="DAV:" xmlns:S="http://calendarserver.org/ns/"><prop><S:getctag/><sync-token/></prop></propfind>""");

    public static readonly byte[] Etags = Encoding.UTF8.GetBytes(
        """<propfind xmlns="DAV:"><prop><resourcetype/><getetag/><getlastmodified/></prop></propfind>""");

    /// <summary>RFC 4791 section 7.8, filtered: some servers refuse a query without a filter for a component.</summary>
    public static readonly byte[] AllEvents = Encoding.UTF8.GetBytes(
        """<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><getlastmodified/><C:calendar-data/></prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter></C:calendar-query>""");

    /// <summary>RFC 6578 section 3.4: no token asks for every member.</summary>
    public static readonly byte[] Members = Encoding.UTF8.GetBytes(
        """<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/><getlastmodified/></prop></sync-collection>""");

    /// <summary>RFC 6578 section 3.2; the text is asked for at once, which saves every multiget where the server grants it.</summary>
    public static byte[] SyncCollection(string? token) => Encoding.UTF8.GetBytes(
        $"""<sync-collection xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><sync-token>{SecurityElement.Escape(token)}</sync-token><sync-level>1</sync-level><prop><getetag/><getlastmodified/><C:calendar-data/></prop></sync-collection>""");

    /// <summary>RFC 4791 section 7.9.</summary>
    public static byte[] Multiget(IEnumerable<Href> hrefs)
    {
        var body = new StringBuilder(
            """<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><getlastmodified/><C:calendar-data/></prop>""");
        foreach (var href in hrefs)
            body.Append("<href>").Append(SecurityElement.Escape(href.Path)).Append("</href>");
        return Encoding.UTF8.GetBytes(body.Append("</C:calendar-multiget>").ToString());
    }
}
