namespace Lockstep.Crypto;

/// <summary>A data key as it is stored: encrypted by a key provider. The columns say how to open it; nobody guesses it from the text.</summary>
/// <param name="Provider">Who wrapped it, such as <see cref="LocalKeyWrapper.Provider"/>.</param>
/// <param name="KeyVersion">Which key of the provider wrapped it; for the local provider the master key's fingerprint.</param>
/// <param name="Text">For the local provider <c>iv:authTag:encrypted</c>.</param>
public sealed record WrappedKey(string Provider, string KeyVersion, string Text);
