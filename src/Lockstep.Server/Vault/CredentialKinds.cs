using System.Text.Json.Serialization;

namespace Lockstep.Server.Vault;

/// <summary>What kind of secret it is. The members are spelled as on the wire and in the table.</summary>
[JsonConverter(typeof(NamedEnum<CredentialType>))]
internal enum CredentialType
{
    API_KEY,
    OAUTH_TOKEN,
    ACCESS_TOKEN,
    SECRET,
    PASSWORD,
    CUSTOM,
}

/// <summary>Whose credential it is. The members are spelled as on the wire and in the table.</summary>
[JsonConverter(typeof(NamedEnum<CredentialScope>))]
internal enum CredentialScope
{
    /// <summary>One user's own.</summary>
    USER,

    /// <summary>A workspace's: its admins see and use it.</summary>
    WORKSPACE,

    /// <summary>The installation's: the service role alone, without a user context.</summary>
    SYSTEM,
}

/// <summary>An enum by its names alone: a number is refused.</summary>
internal sealed class NamedEnum<T>() : JsonStringEnumConverter<T>(namingPolicy: null, allowIntegerValues: false)
    where T : struct, Enum;
