using System.Buffers;
using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>The JSON of a request that may hold a secret: written once, zeroed after use.</summary>
internal sealed class TransitBody : IBufferWriter<byte>, IDisposable
{
    private byte[] buffer = new byte[1024];
    private int written;

    public TransitBody(Action<Utf8JsonWriter> write)
    {
        using var json = new Utf8JsonWriter(this);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }

    public ReadOnlyMemory<byte> Bytes => buffer.AsMemory(0, written);

    public void Advance(int count) => written += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return buffer.AsMemory(written);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Dispose() => Primitives.Clear(buffer);

    private void Grow(int sizeHint)
    {
        if (buffer.Length - written >= Math.Max(sizeHint, 1))
            return;
        var larger = new byte[Math.Max(buffer.Length * 2, written + sizeHint)];
        buffer.AsSpan(0, written).CopyTo(larger);
        Primitives.Clear(buffer);
        buffer = larger;
    }
}
