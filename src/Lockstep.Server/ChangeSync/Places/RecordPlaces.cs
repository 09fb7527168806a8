using Lockstep.Server.ChangeSync.Sealing;

namespace Lockstep.Server.ChangeSync.Places;

/// <summary>A scope and the space that a record in it names: the space's own scope, or for a private record that of its author.</summary>
internal readonly record struct Location(LockedScope Scope, string? Label)
{
    public RecordKey Key(Change change) => new(Scope.Id, change.App, change.Table, change.RecordId);
}

/// <summary>What to open as well before a change can be judged.</summary>
internal readonly record struct Elsewhere(string Place, string App, string Table, string RecordId);

/// <summary>Where records are and where they belong, among what one caller's writes have opened.</summary>
/// <remarks>
/// <code>
/// the space's scope    its records, but for the private ones
/// own scope            own data (no space named), and the caller's private records of spaces (their space named)
/// </code>
/// </remarks>
internal sealed class RecordPlaces(ScopeBook book)
{
    /// <summary>Where the mana protocol says the space among the fields.</summary>
    public const string SpaceField = "spaceId";

    /// <summary>By the names that were asked for.</summary>
    public Dictionary<string, OpenSpace> Spaces { get; } = new(StringComparer.Ordinal);

    public Dictionary<(string App, string Table, string RecordId), List<Sighting>> Seen { get; } = [];

    /// <summary>Which records were asked for under which name of a space.</summary>
    public HashSet<Elsewhere> Asked { get; } = [];

    /// <summary>Whether a change is to be looked for further than where it says.</summary>
    public bool IsSought(Change change) =>
        change.Merge == MergeKind.Fields && change.FromSpace is null && Spaces.TryGetValue(change.Scope.Space, out var named) && LivesIn(change, named) is null
        && (change.Naming != Naming.InSpace || change.Op != ChangeOp.Insert && !named.IsOwn && !Asked.Contains(At("", change)));

    /// <returns>Null when there is no such live record, as far as the caller may see; <paramref name="more"/> when that takes more to be open.</returns>
    public Location? Find(Change change, OpenSpace named, out Elsewhere? more)
    {
        more = null;
        if (LivesIn(change, named) is { } here)
            return here;
        // The same id in several places is several records; then it is none of them.
        if (Seen.GetValueOrDefault((change.App, change.Table, change.RecordId))?.Where(IsMeant).ToList() is not [var seen])
            return null;
        if (!Asked.Contains(At(seen.Place, change)))
        {
            more = At(seen.Place, change);
            return null;
        }
        return Spaces.TryGetValue(seen.Place, out var space) && Live(new Location(space.Scope, null).Key(change)) is { } record ? new Location(space.Scope, record.Label) : null;

        // What somebody else has put in a space under this id does not catch what the caller makes anew.
        bool IsMeant(Sighting sighting) => sighting.Scope != named.Scope.Id
            && (change.Op != ChangeOp.Insert || change.Naming == Naming.InSpace || sighting.IsMine)
            && (change.Naming != Naming.InSpace || sighting.Place.Length == 0 && sighting.Label == named.Label);
    }

    /// <summary>Live in the space itself, or private in it.</summary>
    public Location? LivesIn(Change change, OpenSpace space)
    {
        if (Live(new Location(space.Scope, null).Key(change)) is { } record)
            return new Location(space.Scope, record.Label);
        return !space.IsOwn && Spaces.TryGetValue("", out var own) && Live(new Location(own.Scope, null).Key(change)) is { } hidden && hidden.Label == space.Label
            ? new Location(own.Scope, hidden.Label)
            : null;
    }

    /// <summary>Where a record belongs, once it is what the change makes of it.</summary>
    /// <param name="from">Where it is; null when it is new.</param>
    /// <param name="merged">What it will be.</param>
    /// <returns>Null when <paramref name="more"/> must be open for it.</returns>
    public Location? Home(Change change, OpenSpace named, Location? from, RecordState merged, out Elsewhere? more)
    {
        more = null;
        var inSpace = from is { } present && (present.Scope.Id == named.Scope.Id ? !named.IsOwn || OpenSpace.NamesOwn(present.Label) : !named.IsOwn && present.Label == named.Label);
        var stays = from is not null && (inSpace || !Moves(change, named, merged));
        var label = !stays || inSpace ? named.Label : from!.Value.Label;
        if (stays && !merged.IsLive)
            return from!.Value with { Label = label };
        if (OpenSpace.NamesOwn(label))
            return stays && !inSpace ? from : new Location(named.Scope, label);
        var isPrivate = Visibility.IsPrivate(merged);
        if (stays && isPrivate == IsOwn(from!.Value.Scope))
            return from.Value with { Label = label };
        var home = isPrivate ? "" : label == named.Label ? change.Scope.Space : label!;
        if (Spaces.TryGetValue(home, out var space) && Asked.Contains(At(home, change)))
            return new Location(space.Scope, label);
        more = At(home, change);
        return null;
    }

    /// <summary>Whether it is the scope of the caller's own data and private records.</summary>
    public bool IsOwn(LockedScope scope) => Spaces.Values.Any(space => space.IsOwn && space.Scope.Id == scope.Id);

    /// <summary>How the space of a place is sealed: a private record's too, though it lives in its author's scope.</summary>
    /// <returns>Null when it is not open.</returns>
    public SpaceKeys? KeysOf(Location place) => Spaces.Values.FirstOrDefault(space => space.IsOwn
        ? space.Scope.Id == place.Scope.Id && OpenSpace.NamesOwn(place.Label)
        : space.Scope.Id == place.Scope.Id || space.Label == place.Label)?.Keys;

    /// <summary>The space of a private record that was found by its id alone: whether that is sealed decides what may become of the record.</summary>
    /// <returns>Null when it is open, or was asked for and is not the caller's any more.</returns>
    public Elsewhere? Unopened(Change change, Location? from) =>
        from is { Label: { } label } place && !OpenSpace.NamesOwn(label) && KeysOf(place) is null && At(label, change) is var space && !Asked.Contains(space) ? space : null;

    private bool Moves(Change change, OpenSpace named, RecordState merged) => change.Naming switch
    {
        Naming.InSpace => change.FromSpace is not null,
        Naming.Beside => change.Op != ChangeOp.Delete && book.Records.GetValueOrDefault(new Location(named.Scope, null).Key(change)) is not { MovedAway: true },
        Naming.AsField => change.Op != ChangeOp.Delete && change.Fields.TryGetValue(SpaceField, out var written) && merged.Fields.TryGetValue(SpaceField, out var won) && won.Json == written.Json,
        _ => false,
    };

    private TrackedRecord? Live(RecordKey key) => book.Records.TryGetValue(key, out var record) && record.State.IsLive ? record : null;

    private static Elsewhere At(string place, Change change) => new(place, change.App, change.Table, change.RecordId);
}
