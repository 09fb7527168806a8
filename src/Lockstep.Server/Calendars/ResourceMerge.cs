using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>What is to be done when the server shows a resource.</summary>
internal enum MergeStep
{
    /// <summary>As known; nothing.</summary>
    Nothing,

    /// <summary>Our own write, come back: take the ETag; nothing is pending any more.</summary>
    Echo,

    /// <summary>The server rewrote what our edit was based on without changing it: take the ETag, the edit stays pending.</summary>
    Rebase,

    /// <summary>Only the server changed it.</summary>
    TakeRemote,

    /// <summary>Both changed it and the server's is later.</summary>
    ConflictRemoteWins,

    /// <summary>Both changed it and ours is later: it stays pending, now based on the server's.</summary>
    ConflictLocalWins,
}

/// <summary>One side of a meeting.</summary>
/// <param name="Ics">Null: it is deleted on this side.</param>
internal sealed record ResourceSide(string? Ics, string? ETag, Instant At);

/// <summary>The decision about one resource. Pure: no clock, no database.</summary>
/// <remarks>
/// <code>
///              | mirror clean | edited here, waits        | deleted here, waits
/// -------------+--------------+---------------------------+---------------------
/// same ETag    | (1) Nothing  | (1) Nothing               | (1) Nothing
/// same content | (2) Echo     | (2) Echo / (3) Rebase     | (3) Rebase
/// other        | TakeRemote   | (4) the later one wins    | (5) the edit survives
/// gone         | TakeRemote   | (5) the edit survives     | Echo
/// </code>
/// </remarks>
internal static class ResourceMerge
{
    /// <param name="local">As it stands here; with the ETag that the mirror knows.</param>
    /// <param name="ours">Texts that the server may have without anybody else having written: what the pending edit was made of, and
    /// what was sent when the answer did not come. Nulls count for nothing.</param>
    /// <param name="remote">As it stands there; a null text means gone.</param>
    public static MergeStep Decide(ObjectState state, ResourceSide local, ReadOnlySpan<string?> ours, ResourceSide remote)
    {
        var pending = state is ObjectState.New or ObjectState.Changed or ObjectState.Deleted;
        if (remote.Ics is null)
            // (5) A deletion there against an edit here.
            return !pending ? MergeStep.TakeRemote : local.Ics is null ? MergeStep.Echo : MergeStep.ConflictLocalWins;
        // (1)
        if (remote.ETag is not null && remote.ETag == local.ETag)
            return MergeStep.Nothing;
        if (!pending)
            return local.Ics is not null && SameContent(local.Ics, remote.Ics) ? MergeStep.Echo : MergeStep.TakeRemote;
        // (2)
        if (local.Ics is not null && SameContent(local.Ics, remote.Ics))
            return MergeStep.Echo;
        // (3)
        foreach (var text in ours)
            if (text is not null && SameContent(text, remote.Ics))
                return MergeStep.Rebase;
        // (5) A deletion here against an edit there.
        if (local.Ics is null)
            return MergeStep.ConflictRemoteWins;
        // (4) Servers say whole seconds. On a tie the greater content wins: any node, any order, and however a server writes it, the same.
        var (here, there) = (local.At.ToUnixTimeSeconds(), remote.At.ToUnixTimeSeconds());
        var localWins = here != there ? here > there : string.CompareOrdinal(Content(local.Ics), Content(remote.Ics)) > 0;
        return localWins ? MergeStep.ConflictLocalWins : MergeStep.ConflictRemoteWins;
    }

    /// <summary>
    /// Whether two texts say the same: servers rewrite what they are given (order, folding, PRODID, stamps), which is no change.
    /// </summary>
    public static bool SameContent(string a, string b) =>
        string.Equals(a, b, StringComparison.Ordinal) || Lines(a).SequenceEqual(Lines(b), StringComparer.Ordinal);

    private static string Content(string ics) => string.Join('\n', Lines(ics));

    private static List<string> Lines(string ics)
    {
        var lines = new List<string>();
        foreach (var component in CalendarDocument.Parse(ics).ComponentsNamed("VEVENT"))
            Collect(component, component.Property("RECURRENCE-ID")?.Value ?? "", lines);
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static void Collect(CalendarComponent component, string path, List<string> lines)
    {
        foreach (var line in component.Properties)
            if (line.Name is not ("DTSTAMP" or "CREATED"))
                lines.Add($"{path}/{component.Name}/{line.Name};{Parameters(line)}:{line.Value.Trim()}");
        foreach (var inner in component.Components)
            Collect(inner, path + "/" + component.Name, lines);
    }

    private static string Parameters(ContentLine line) => string.Join(
        ';',
        line.Parameters
            .Where(parameter => !(parameter.Name.Equals("VALUE", StringComparison.OrdinalIgnoreCase) && parameter.Value == "DATE-TIME"))
            .Select(parameter => $"{parameter.Name.ToUpperInvariant()}={parameter.Value}")
            .Order(StringComparer.Ordinal));
}
