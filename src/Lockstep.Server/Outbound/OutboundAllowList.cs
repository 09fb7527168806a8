namespace Lockstep.Server.Outbound;

/// <summary>Reads <c>LOCKSTEP_OUTBOUND_ALLOW</c>: exact host:port pairs, separated by commas or blanks.</summary>
internal static class OutboundAllowList
{
    public const string Setting = "LOCKSTEP_OUTBOUND_ALLOW";

    /// <param name="value">Null and empty allow nothing beyond the public internet.</param>
    /// <param name="errors">Gets one sentence for each entry that cannot be read.</param>
    public static IReadOnlySet<HostPort> Parse(string? value, ICollection<string> errors)
    {
        var allowed = new HashSet<HostPort>();
        foreach (var entry in (value ?? "").Split([',', ' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (HostPort.TryParse(entry, out var error, out var pair))
                allowed.Add(pair);
            else
                errors.Add($"{Setting}: '{entry}' {error}.");
        }

        return allowed;
    }
}
