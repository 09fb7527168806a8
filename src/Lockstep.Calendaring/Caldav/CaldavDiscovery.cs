using Lockstep.Calendaring.Caldav.Wire;

namespace Lockstep.Calendaring.Caldav;

/// <summary>
/// Discovery (RFC 6764 section 6, RFC 5397, RFC 4791 section 6.2.1):
/// <code>
///   (1) ask the given address who we are; if it does not speak CalDAV, ask /.well-known/caldav, then the root
///   (2) principal -> (3) homes -> (4) calendars of each home
///   (5) the given address is itself a calendar, or a home: it counts even where no principal leads to it
/// </code>
/// </summary>
internal sealed class CaldavDiscovery(DavExchange exchange, Uri given)
{
    private const int MostHomes = 16;

    public async Task<CaldavAnswer<Discovery>> RunAsync(CancellationToken ct)
    {
        // (1)
        CaldavFailure? first = null;
        foreach (var start in Starts())
        {
            var answer = await WhoamiAsync(start, ct).ConfigureAwait(false);
            if (!answer.TryGet(out var here, out var failure))
            {
                first ??= failure;
                if (EndsTheSearch(failure))
                    return failure;
                continue;
            }

            var found = await FromAsync(here, ct).ConfigureAwait(false);
            if (found.TryGet(out var discovery, out failure))
            {
                if (discovery.Calendars.Count > 0 || discovery.Homes.Count > 0)
                    return discovery;
                first ??= new CaldavFailure.NotCaldav(given.Host);
                continue;
            }

            return failure;
        }

        return first ?? new CaldavFailure.NotCaldav(given.Host);
    }

    /// <param name="depth">1 for the members of a home, 0 for one calendar.</param>
    public async Task<CaldavAnswer<CalendarList>> ListAsync(Href home, string depth, CancellationToken ct)
    {
        var calendars = new List<CalendarInfo>();
        var failure = await exchange.EachAsync(
            DavRequest.ForPropfind(home.Url, depth, DavBodies.Calendars),
            resource =>
            {
                if (resource.Has(DavName.ResourceType, "calendar"))
                    calendars.Add(CalendarOf(resource));
            },
            ct).ConfigureAwait(false);
        return failure is null ? new CalendarList(calendars) : failure;
    }

    private IEnumerable<Uri> Starts()
    {
        yield return given;
        var root = new Uri(given, "/");
        yield return new Uri(root, ".well-known/caldav");
        if (given.AbsolutePath != "/")
            yield return root;
    }

    /// <summary>Trying further addresses with a refused password only locks accounts; an unreachable host stays so.</summary>
    private static bool EndsTheSearch(CaldavFailure failure) => failure
        is CaldavFailure.Unauthorized or CaldavFailure.Unreachable or CaldavFailure.Throttled or CaldavFailure.CredentialsWithheld;

    private async Task<CaldavAnswer<Whoami>> WhoamiAsync(Uri url, CancellationToken ct)
    {
        Whoami? here = null;
        var failure = await exchange.EachAsync(
            DavRequest.ForPropfind(url, "0", DavBodies.Whoami),
            (resource, from) => here ??= new Whoami(
                resource.Href,
                Resolve(from, resource.Get(DavName.Principal)?.Hrefs).FirstOrDefault(),
                Resolve(from, resource.Get(DavName.Home)?.Hrefs),
                resource.Has(DavName.ResourceType, "calendar")),
            ct).ConfigureAwait(false);
        return failure is not null ? failure : here is not null ? here : new CaldavFailure.NotCaldav(url.Host);
    }

    private async Task<CaldavAnswer<Discovery>> FromAsync(Whoami here, CancellationToken ct)
    {
        var homes = here.Homes;
        // (2)
        if (homes.Count == 0 && here.Principal is { } principal)
        {
            var answer = await WhoamiAsync(principal.Url, ct).ConfigureAwait(false);
            if (answer.TryGet(out var me, out var failure))
                homes = me.Homes;
            else if (!here.IsCalendar)
                return failure;
        }

        // (3)
        var calendars = new List<CalendarInfo>();
        var known = new HashSet<Href>();
        foreach (var home in homes)
        {
            // (4)
            var answer = await ListAsync(home, "1", ct).ConfigureAwait(false);
            if (!answer.TryGet(out var list, out var failure))
                return failure;
            calendars.AddRange(list.Calendars.Where(c => known.Add(c.Href)));
        }

        // (5)
        var isKnown = known.Contains(here.Href);
        if ((here.IsCalendar && !isKnown) || homes.Count == 0)
        {
            var answer = await ListAsync(here.Href, here.IsCalendar ? "0" : "1", ct).ConfigureAwait(false);
            if (!answer.TryGet(out var list, out var failure))
                return failure;
            if (!here.IsCalendar && list.Calendars.Count > 0)
                homes = [here.Href];
            calendars.AddRange(list.Calendars);
        }

        return new Discovery(here.Principal, homes, calendars);
    }

    /// <summary>The first few: each is a request, wherever it leads.</summary>
    private static List<Href> Resolve(Uri from, IReadOnlyList<string>? hrefs)
    {
        var resolved = new List<Href>();
        foreach (var listed in (hrefs ?? []).Take(MostHomes))
        {
            if (Href.TryResolve(from, listed, out var href))
                resolved.Add(href);
        }

        return resolved;
    }

    private static CalendarInfo CalendarOf(DavResource resource)
    {
        var components = resource.Get(DavName.Components)?.Names.Where(n => n != "comp").Select(n => n.ToUpperInvariant()).ToList() ?? [];
        var privileges = resource.Get(DavName.Privileges)?.Names;
        // Privileges unknown means that a write is tried; the server decides.
        var readOnly = privileges is { Count: > 0 } && !privileges.Any(p => p is "write" or "bind" or "all");
        var name = resource.Text(DavName.DisplayName) ?? resource.Href.Name;
        return new CalendarInfo(
            resource.Href, name, ColorOf(resource.Text(DavName.Color)), components, readOnly, resource.Text(DavName.Ctag), resource.Has(DavName.Reports, "sync-collection"));
    }

    /// <summary>Apple writes <c>#RRGGBBAA</c>.</summary>
    private static string? ColorOf(string? text)
    {
        if (text is not { Length: 7 or 9 } || text[0] != '#' || !text.Skip(1).All(char.IsAsciiHexDigit))
            return null;
        return text[..7].ToUpperInvariant();
    }

    private sealed record Whoami(Href Href, Href? Principal, IReadOnlyList<Href> Homes, bool IsCalendar);
}
