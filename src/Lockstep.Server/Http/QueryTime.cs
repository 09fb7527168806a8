using NodaTime;

namespace Lockstep.Server.Http;

/// <summary>A time in a query string: RFC 3339 with an offset.</summary>
internal static class QueryTime
{
    /// <returns>Null when it was left out, or is none; then <paramref name="errors"/> says so.</returns>
    public static Instant? Read(FieldErrors errors, string field, string? text)
    {
        if (text is null)
            return null;
        // A plus sign that was not escaped comes as a space.
        if (Rfc3339.Read(text.Replace(' ', '+')) is { } time)
            return time;
        errors.Add(field, "is not RFC 3339 with an offset, such as 2026-03-01T09:00:00Z.");
        return null;
    }
}
