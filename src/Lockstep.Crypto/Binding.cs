using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Lockstep.Crypto;

/// <summary>
/// Writes what a ciphertext is bound to. Each part is a 4-byte big-endian length and that many bytes, so no two different lists
/// of parts give the same bytes (("ab","c") and ("a","bc") differ). The first part is always a format label.
/// </summary>
internal sealed class Binding
{
    // Throws on unpaired surrogates: replacing them would let two different texts give the same bytes.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> written = new(128);

    public Binding(string label) => Add(label);

    public ReadOnlySpan<byte> Bytes => written.WrittenSpan;

    public Binding Add(string text)
    {
        Length(Utf8.GetByteCount(text));
        Utf8.GetBytes(text, written);
        return this;
    }

    /// <summary>16 bytes in the order in which the id is written.</summary>
    public Binding Add(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        Length(bytes.Length);
        written.Write(bytes);
        return this;
    }

    public Binding Add(int number)
    {
        Length(sizeof(int));
        Length(number);
        return this;
    }

    private void Length(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(written.GetSpan(sizeof(int)), value);
        written.Advance(sizeof(int));
    }
}
