using Lockstep.Crypto.Pkcs11;
using Lockstep.Crypto.Transit;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Which key providers there are besides the local ring, and what happens while they are away.</summary>
internal sealed record KeyProviderOptions
{
    public const int DefaultStandInWrites = 10_000;
    public const int DefaultStandInMinutes = 60;

    /// <summary>Null: the local ring alone.</summary>
    public TransitOptions? Transit { get; init; }

    /// <summary>Null: no hardware module. After Transit, before the local ring.</summary>
    public Pkcs11Options? Pkcs11 { get; init; }

    /// <summary><c>LOCKSTEP_SEALING</c> = direct: Transit seals each value, not only the data keys.</summary>
    public bool Direct { get; init; }

    /// <summary><c>LOCKSTEP_TRANSIT_FALLBACK</c>: whether the local ring wraps while the first provider is away.</summary>
    public bool StandIn { get; init; } = true;

    /// <summary>How many values may be sealed with the stand-in's help in one time away.</summary>
    public int StandInWrites { get; init; } = DefaultStandInWrites;

    /// <summary>How many minutes after the first of them, at most.</summary>
    public int StandInMinutes { get; init; } = DefaultStandInMinutes;

    /// <summary>How often the rewrap job looks.</summary>
    public TimeSpan Round { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Where the master keys were read, for messages.</summary>
    public string KeysFrom { get; init; } = "LOCKSTEP_MASTER_KEYS";
}
