using System.Globalization;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.Keys;

/// <summary>How the keys are, for /health: anybody may read it, so it names no key, path or address; those are in the log.</summary>
internal sealed class KeyHealth(KeyProviders providers, RenewalJob job)
{
    public const string Ok = "ok";

    public string Describe() =>
        providers.Locked ? "vault locked: no master key"
        : providers.Trouble is { } trouble ? Describe(trouble) + Waiting()
        : job.Backlog > 0 ? "ok; handing over what the local key did meanwhile" + Waiting()
        : Ok;

    private string Describe(KeyTrouble trouble) => trouble.Kind switch
    {
        KeyTroubleKind.Refused => "the key provider refuses this server",
        _ when !providers.CanStandIn => "the key provider is away; nothing new is sealed",
        _ => "the key provider is away; the local key stands in",
    };

    private string Waiting() => job.Backlog > 0
        ? string.Create(CultureInfo.InvariantCulture, $"; {job.Backlog} keys and values wait for it")
        : "";
}
