using Lockstep.Crypto;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Opens the key that signs checkpoints. The vault keeps it; Hosting hands it over, so that this room knows no vault.</summary>
/// <param name="dataKey">The data key it comes from; null for the one that signs now, which is made when there is none.</param>
/// <returns>Null when it cannot be opened: the vault is locked, the master key is not here, the provider is away.</returns>
internal delegate Task<SigningKey?> AuditSigner(Guid? dataKey, CancellationToken ct);
