namespace Lockstep.Crypto;

/// <summary>A key provider: it keeps a key of its own and wraps data keys with it. The local ring, Transit, a hardware module.</summary>
/// <remarks>Safe to use from several threads. Expected failures are outcomes; it throws only when cancelled or used wrongly.</remarks>
public interface IKeyWrapper
{
    /// <summary>The value of <see cref="WrappedKey.Provider"/>.</summary>
    string Provider { get; }

    /// <summary>Wraps with the newest key.</summary>
    Task<WrapOutcome> Wrap(DataKey key, CancellationToken ct);

    /// <summary>Wraps several at once, where the provider can.</summary>
    /// <returns>An outcome for each, in the order given.</returns>
    Task<IReadOnlyList<WrapOutcome>> WrapAll(IReadOnlyList<DataKey> keys, CancellationToken ct);

    /// <summary>Opens what this provider wrapped under this name.</summary>
    Task<UnwrapOutcome> Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct);

    /// <summary>Wraps anew with the newest key what this provider wrapped. Transit does it without showing a data key to anybody.</summary>
    /// <returns>An outcome for each, in the order given; a failure of one is none of the others'.</returns>
    Task<IReadOnlyList<WrapOutcome>> Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct);

    /// <summary>Whether wrapping anew would use another key than this one was wrapped with.</summary>
    /// <returns>Null when the provider cannot tell right now.</returns>
    Task<bool?> IsNewest(WrappedKey wrapped, CancellationToken ct);
}

/// <summary>A stored data key with the name under which alone it opens.</summary>
public sealed record WrappedDataKey(DataKeyName Name, WrappedKey Wrapped);
