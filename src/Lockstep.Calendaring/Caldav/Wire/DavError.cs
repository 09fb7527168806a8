using System.Xml;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>Reads the body of an error answer, which may be anything at all.</summary>
internal static class DavError
{
    private const string Dav = "DAV:";

    /// <returns>The local name of the first child of <c>DAV:error</c>, else null.</returns>
    public static string? PreconditionIn(byte[]? body)
    {
        if (body is not { Length: > 0 })
            return null;
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(body), Multistatus.Settings(async: false));
            if (reader.MoveToContent() != XmlNodeType.Element || reader.LocalName != "error" || reader.NamespaceURI != Dav)
                return null;
            while (reader.Read())
            {
                // sabre puts its own explanation beside the precondition.
                if (reader.NodeType == XmlNodeType.Element && reader.Depth == 1
                    && !reader.NamespaceURI.Contains("sabredav", StringComparison.Ordinal))
                    return reader.LocalName.Length <= 64 ? reader.LocalName : null;
            }

            return null;
        }
        catch (XmlException)
        {
            return null;
        }
    }

    /// <summary>Google says 403 where others say 429, and names the quota in the body.</summary>
    public static bool IsQuota(byte[]? body) => body is not null
        && (body.AsSpan().IndexOf("usageLimits"u8) >= 0 || body.AsSpan().IndexOf("ateLimitExceeded"u8) >= 0
            || body.AsSpan().IndexOf("quotaExceeded"u8) >= 0);
}
