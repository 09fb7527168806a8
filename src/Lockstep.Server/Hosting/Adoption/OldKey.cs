using Lockstep.Crypto;
using Lockstep.Crypto.Transit;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>What opens values of other software.</summary>
internal abstract class OldKey : IDisposable
{
    /// <param name="text">As the column has it.</param>
    /// <param name="context">Of a derived key of Transit, in base64; null without one.</param>
    /// <returns>The value, which the caller disposes; or why it does not open, to follow the name of the column.</returns>
    public abstract Task<(Secret? Value, string? Why)> Open(string text, string? context, CancellationToken ct);

    public abstract void Dispose();

    /// <summary>AES-256-GCM: <c>iv:authTag:encrypted</c>, or a nonce-prefixed blob.</summary>
    internal sealed class Local(Secret key) : OldKey
    {
        public override Task<(Secret? Value, string? Why)> Open(string text, string? context, CancellationToken ct) =>
            Task.FromResult(OldBlob.Open(key, text) is { } value ? (value, (string?)null) : ((Secret?)null, "does not open with the key"));

        public override void Dispose() => key.Dispose();
    }

    /// <summary><c>vault:v1:...</c>, by a key of the Transit engine that this installation signs in to.</summary>
    internal sealed class Transit(TransitOldValues transit, string name) : OldKey
    {
        public override Task<(Secret? Value, string? Why)> Open(string text, string? context, CancellationToken ct)
        {
            var bytes = new byte[context?.Length ?? 0];
            return context is null ? transit.Open(name, text, [], ct)
                : Convert.TryFromBase64String(context, bytes, out var length) ? transit.Open(name, text, bytes[..length], ct)
                : Task.FromResult(((Secret?)null, (string?)"has a context that is not base64"));
        }

        public override void Dispose() => transit.Dispose();
    }
}
