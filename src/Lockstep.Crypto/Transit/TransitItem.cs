namespace Lockstep.Crypto.Transit;

/// <summary>What came of one item that Transit was asked for.</summary>
internal abstract record TransitItem
{
    private TransitItem() { }

    /// <summary>Encrypted, or wrapped anew. The text is canonical.</summary>
    public sealed record Sealed(string Text, int Version) : TransitItem;

    /// <summary>Decrypted; the receiver disposes it.</summary>
    public sealed record Opened(Secret Plaintext) : TransitItem;

    /// <summary>The ciphertext was changed, moved to another place, or is of another key.</summary>
    public sealed record Damaged : TransitItem;

    public sealed record Failed(KeyTrouble Trouble) : TransitItem;
}

/// <param name="Context">What the ciphertext is bound to: the derived key is another one for each.</param>
/// <param name="Plaintext">To encrypt; else null. Its owner zeroes it.</param>
/// <param name="Ciphertext">To decrypt or to wrap anew; else null.</param>
internal readonly record struct TransitInput(byte[] Context, byte[]? Plaintext, string? Ciphertext);
