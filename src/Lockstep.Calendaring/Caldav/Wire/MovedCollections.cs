using System.Collections.Concurrent;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>
/// Collections that a redirect leads away from the address they are known by. Their members are asked for where they are, and told of as if nothing had
/// moved: else each would seem to be deleted, and a stranger to stand beside it.
/// </summary>
internal sealed class MovedCollections
{
    private readonly ConcurrentDictionary<Href, Href> places = new();

    /// <summary>Where a collection, or a member of one, answers now.</summary>
    public Href Now(Href known)
    {
        if (places.IsEmpty)
            return known;
        if (places.TryGetValue(known, out var place))
            return place;
        var (parent, name) = Split(known);
        return parent is not null && places.TryGetValue(parent, out place) ? Join(place, name) : known;
    }

    /// <summary>Remembers from where a collection answered.</summary>
    /// <returns>How what is listed there is known; null when it has not moved.</returns>
    public Func<Href, Href>? Seen(Href known, Uri answered)
    {
        var place = Href.Of(answered);
        if (place.Equals(known))
            return null;
        places.TryAdd(known, place);
        return listed => listed.Equals(place) ? known
            : Split(listed) is ({ } parent, var name) && parent.Equals(place) ? Join(known, name)
            : listed;
    }

    private static (Href? Parent, string Name) Split(Href href)
    {
        var text = href.ToString();
        var end = text.TrimEnd('/').LastIndexOf('/') + 1;
        return (Href.TryParse(text[..end], out var parent) ? parent : null, text[end..]);
    }

    private static Href Join(Href collection, string name)
    {
        var text = collection.ToString();
        return Href.Parse((text.EndsWith('/') ? text : text + "/") + name);
    }
}
