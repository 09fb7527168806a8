using Lockstep.Crypto;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Vault;

/// <param name="Keys">The master keys; null or empty, and no other key provider, starts the vault locked: every operation that needs a key
/// answers 503 <c>vault_locked</c>.</param>
/// <param name="RevealLimit"><c>LOCKSTEP_REVEAL_LIMIT</c>: reveals an hour and actor, at least 1; default 600.</param>
internal sealed record VaultOptions(KeyRing? Keys, int RevealLimit = VaultOptions.DefaultRevealLimit)
{
    public const int DefaultRevealLimit = 600;

    public KeyProviderOptions Providers { get; init; } = new();
}
