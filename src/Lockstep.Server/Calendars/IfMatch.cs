using System.Globalization;

namespace Lockstep.Server.Calendars;

/// <summary>The header If-Match (RFC 9110 section 13.1.1) as the version of an event.</summary>
internal static class IfMatch
{
    /// <summary>Null for none or <c>*</c>. What was never an ETag of ours matches nothing.</summary>
    public static long? Version(string? header) =>
        header is null or "" or "*" ? null
        : long.TryParse(header.Trim().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
        : -1;
}
