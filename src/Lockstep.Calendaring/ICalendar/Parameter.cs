namespace Lockstep.Calendaring.ICalendar;

/// <summary>One property parameter, its values decoded (RFC 5545 section 3.2, RFC 6868).</summary>
/// <param name="Name">Upper-case.</param>
/// <param name="Values">Without quotes; at least one, which may be empty.</param>
public sealed record Parameter(string Name, IReadOnlyList<string> Values)
{
    public Parameter(string name, string value)
        : this(name, [value]) { }

    /// <summary>The values as one text, joined by commas.</summary>
    public string Value => Values.Count == 1 ? Values[0] : string.Join(',', Values);
}
