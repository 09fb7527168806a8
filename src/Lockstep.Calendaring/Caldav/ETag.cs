namespace Lockstep.Calendaring.Caldav;

/// <summary>
/// An entity tag (RFC 9110 section 8.8.3) as it is sent in <c>If-Match</c>: quoted, without the weakness mark that compressing
/// proxies add, since a weak tag never matches there.
/// </summary>
public sealed record ETag
{
    private ETag(string value) => Value = value;

    public string Value { get; }

    /// <returns>Null for null, empty or unusable text. Missing quotes are added: some servers leave them out of XML.</returns>
    public static ETag? Parse(string? text)
    {
        text = text?.Trim();
        if (text is null)
            return null;
        if (text.StartsWith("W/", StringComparison.Ordinal))
            text = text[2..];
        if (text.Length > 1024 || text.AsSpan().ContainsAnyInRange('\0', ' '))
            return null;
        if (text.Length < 2 || text[0] != '"' || text[^1] != '"')
            text = text.Length == 0 || text.Contains('"') ? "" : $"\"{text}\"";
        return text.Length <= 2 ? null : new ETag(text);
    }

    /// <summary>As it is sent to a server that gives weak tags and compares them letter by letter, against RFC 9110 section 13.1.1.</summary>
    public ETag AsWeak() => new("W/" + Value);

    public override string ToString() => Value;
}
