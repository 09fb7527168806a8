using System.Diagnostics;
using System.Text;
using System.Text.Json.Serialization;

namespace Lockstep.Crypto;

/// <summary>
/// Bytes that must not be printed, logged or serialized. It owns its bytes and zeroes them on <see cref="Dispose"/>; they lie in
/// pinned memory, so that the garbage collector leaves no copies behind. Reading takes a call whose name begins with Reveal.
/// Safe to use from several threads: after <see cref="Dispose"/> every read throws, so zeroed bytes are never taken for the secret.
/// </summary>
[DebuggerDisplay("***")]
[JsonConverter(typeof(RefuseJson<Secret>))]
public sealed class Secret : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Lock gate = new();

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private byte[]? bytes;

    /// <param name="owned">From <see cref="NewBuffer"/>; the secret owns it from here on.</param>
    internal Secret(byte[] owned)
    {
        bytes = owned;
        Length = owned.Length;
    }

    /// <summary>In bytes; zero is allowed.</summary>
    public int Length { get; }

    /// <summary>Copies; the caller clears his own buffer.</summary>
    public static Secret FromBytes(ReadOnlySpan<byte> source)
    {
        var buffer = NewBuffer(source.Length);
        source.CopyTo(buffer);
        return new Secret(buffer);
    }

    /// <summary>The UTF-8 bytes of <paramref name="text"/>, as they are: no trimming, no normalization.</summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no byte sequence could give back.</exception>
    public static Secret FromText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            var buffer = NewBuffer(Utf8.GetByteCount(text));
            Utf8.GetBytes(text, buffer);
            return new Secret(buffer);
        }
        catch (EncoderFallbackException)
        {
            // Its message would quote the character and its place, and its type would carry them along.
            throw new ArgumentException("The secret is not valid Unicode text: it holds an unpaired surrogate.", nameof(text));
        }
    }

    /// <summary>Bytes from the operating system's random number generator.</summary>
    public static Secret Random(int length)
    {
        var buffer = NewBuffer(length);
        Primitives.Random(buffer);
        return new Secret(buffer);
    }

    /// <summary>Copies the secret into the first <see cref="Length"/> bytes of a buffer which the caller clears.</summary>
    public void RevealTo(Span<byte> destination)
    {
        lock (gate)
            Bytes().CopyTo(destination);
    }

    /// <summary>A copy; the caller clears it.</summary>
    public byte[] RevealBytes()
    {
        lock (gate)
            return Bytes().ToArray();
    }

    /// <summary>A string cannot be cleared: ask for it as late as possible, and keep it in no field.</summary>
    /// <exception cref="InvalidOperationException">The bytes are not UTF-8.</exception>
    public string RevealText()
    {
        lock (gate)
        {
            try
            {
                return Utf8.GetString(Bytes());
            }
            catch (DecoderFallbackException)
            {
                // Its message would quote the bytes.
                throw new InvalidOperationException("The secret is not UTF-8 text; read it as bytes.");
            }
        }
    }

    /// <returns>Always three asterisks.</returns>
    public override string ToString() => "***";

    public void Dispose()
    {
        lock (gate)
        {
            Primitives.Clear(bytes);
            bytes = null;
        }
    }

    internal static byte[] NewBuffer(int length) => GC.AllocateArray<byte>(length, pinned: true);

    private ReadOnlySpan<byte> Bytes()
    {
        ObjectDisposedException.ThrowIf(bytes is null, this);
        return bytes;
    }
}
