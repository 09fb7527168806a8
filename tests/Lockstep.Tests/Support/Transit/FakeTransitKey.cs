using System.Security.Cryptography;

namespace Lockstep.Tests.Support.Transit;

/// <summary>One key of a <see cref="FakeTransitServer"/>: AES-256-GCM, derived by HKDF of the context, any number of versions.</summary>
internal sealed class FakeTransitKey(bool derived, string type = "aes256-gcm96")
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly SortedDictionary<int, byte[]> versions = new() { [1] = RandomNumberGenerator.GetBytes(32) };

    public bool Derived => derived;

    public string Type => type;

    public bool Encrypts => type.StartsWith("aes", StringComparison.Ordinal) || type.StartsWith("chacha", StringComparison.Ordinal);

    public int Latest => versions.Keys.Last();

    public IEnumerable<int> Versions => versions.Keys;

    public int MinDecryption { get; set; } = 1;

    public int MinEncryption { get; set; }

    public int MinAvailable { get; private set; }

    /// <summary>Every number of encryptions it did, for tests that count.</summary>
    public int Encryptions { get; private set; }

    public void Rotate() => versions[Latest + 1] = RandomNumberGenerator.GetBytes(32);

    public void Trim(int oldest)
    {
        MinAvailable = oldest;
        foreach (var version in versions.Keys.Where(version => version < oldest).ToList())
            versions.Remove(version);
    }

    public (string Ciphertext, int Version) Encrypt(byte[] plaintext, byte[]? context)
    {
        Encryptions++;
        var nonce = RandomNumberGenerator.GetBytes(NonceBytes);
        var sealedBytes = new byte[plaintext.Length];
        var tag = new byte[TagBytes];
        using var aes = new AesGcm(Subkey(Latest, context), TagBytes);
        aes.Encrypt(nonce, plaintext, sealedBytes, tag);
        return ($"vault:v{Latest}:{Convert.ToBase64String([.. nonce, .. sealedBytes, .. tag])}", Latest);
    }

    /// <summary>Takes v0, v01 and v+1 for v1, as the real one does.</summary>
    /// <exception cref="FakeTransitError">In the server's words.</exception>
    public byte[] Decrypt(string ciphertext, byte[]? context)
    {
        if (!ciphertext.StartsWith("vault:v", StringComparison.Ordinal))
            throw new FakeTransitError(400, "invalid ciphertext: no prefix");
        var parts = ciphertext["vault:v".Length..].Split(':', 2);
        if (parts.Length != 2)
            throw new FakeTransitError(400, "invalid ciphertext: wrong number of fields");
        if (!int.TryParse(parts[0], out var version))
            throw new FakeTransitError(400, "invalid ciphertext: version number could not be decoded");
        version = Math.Max(1, version);
        if (version > Latest)
            throw new FakeTransitError(400, "invalid ciphertext: version is too new");
        if (version < MinDecryption || !versions.ContainsKey(version))
            throw new FakeTransitError(400, "ciphertext or signature version is disallowed by policy (too old)");
        byte[] bytes;
        try
        {
            bytes = Convert.FromBase64String(parts[1]);
        }
        catch (FormatException)
        {
            throw new FakeTransitError(400, "invalid ciphertext: could not decode base64");
        }
        if (bytes.Length < NonceBytes + TagBytes)
            throw new FakeTransitError(400, "invalid ciphertext length");
        try
        {
            var plaintext = new byte[bytes.Length - NonceBytes - TagBytes];
            using var aes = new AesGcm(Subkey(version, context), TagBytes);
            aes.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes, plaintext.Length), bytes.AsSpan(bytes.Length - TagBytes), plaintext);
            return plaintext;
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new FakeTransitError(400, "cipher: message authentication failed");
        }
    }

    /// <summary>A key that is not derived ignores the context, as the real one does.</summary>
    private byte[] Subkey(int version, byte[]? context) =>
        !derived ? versions[version]
        : context is not { Length: > 0 } ? throw new FakeTransitError(
            400, "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key")
        : HKDF.DeriveKey(HashAlgorithmName.SHA256, versions[version], 32, null, context);
}

internal sealed class FakeTransitError(int status, params string[] errors) : Exception(string.Join("; ", errors))
{
    public int Status => status;

    public IReadOnlyList<string> Errors => errors;
}
