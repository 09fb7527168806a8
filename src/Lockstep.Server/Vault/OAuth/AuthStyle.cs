using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>How the client shows its secret to the token endpoint (RFC 6749 section 2.3.1). On the wire and in the table in small letters.</summary>
[JsonConverter(typeof(AuthStyleJson))]
internal enum AuthStyle
{
    /// <summary>In the header; every server has to take it.</summary>
    Basic,

    /// <summary>In the body, for servers that take it there alone.</summary>
    Post,
}

internal sealed class AuthStyleJson() : JsonStringEnumConverter<AuthStyle>(JsonNamingPolicy.CamelCase, allowIntegerValues: false);
