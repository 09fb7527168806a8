using System.Text;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>RFC 5545 section 3.1.4: UTF-8 unless the server says otherwise; a byte order mark is dropped.</summary>
internal static class TextDecoding
{
    public static string Decode(byte[] body, string? charset)
    {
        var latin = charset?.Trim('"').ToUpperInvariant() is "ISO-8859-1" or "LATIN1" or "WINDOWS-1252";
        var start = body.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        return (latin ? Encoding.Latin1 : Encoding.UTF8).GetString(body.AsSpan(start));
    }
}
