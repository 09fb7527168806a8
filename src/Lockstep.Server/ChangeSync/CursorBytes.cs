using System.Text;

namespace Lockstep.Server.ChangeSync;

/// <summary>The positions of a cursor as bytes, since it travels in a query string and in a header.</summary>
/// <remarks>
/// <code>
/// position   scope id (16 bytes, big-endian)   seq   epoch   space
/// space      0: the caller's own      1, then 16 bytes: a workspace by its id      1 + n, then n bytes of UTF-8: an external id
/// </code>
/// One position after the other to the end. Numbers are unsigned LEB128 (DWARF 5, section 7.6): seven bits a byte, low ones first.
/// </remarks>
internal static class CursorBytes
{
    public static byte[] Write(SyncCursor cursor)
    {
        var bytes = new List<byte>(cursor.Scopes.Count * 36);
        foreach (var (scope, position) in cursor.Scopes)
        {
            bytes.AddRange(scope.ToByteArray(bigEndian: true));
            WriteNumber(bytes, position.Seq);
            WriteNumber(bytes, position.Epoch);
            WriteSpace(bytes, position.Space);
        }
        return [.. bytes];
    }

    /// <returns>Null for what <see cref="Write"/> has not written.</returns>
    public static SyncCursor? Read(ReadOnlySpan<byte> bytes)
    {
        var scopes = new Dictionary<Guid, ScopePosition>();
        while (bytes.Length > 0)
        {
            if (ReadId(ref bytes) is not { } scope || ReadNumber(ref bytes) is not { } seq
                || ReadNumber(ref bytes) is not { } epoch || epoch > int.MaxValue || ReadSpace(ref bytes) is not { } space)
                return null;
            scopes[scope] = new ScopePosition(seq, (int)epoch, space);
        }
        return new SyncCursor(scopes);
    }

    private static void WriteSpace(List<byte> bytes, string space)
    {
        if (Guid.TryParseExact(space, "D", out var id) && id.ToString() == space)
        {
            bytes.Add(1);
            bytes.AddRange(id.ToByteArray(bigEndian: true));
            return;
        }
        var text = Encoding.UTF8.GetBytes(space);
        WriteNumber(bytes, text.Length == 0 ? 0 : text.Length + 1);
        bytes.AddRange(text);
    }

    private static string? ReadSpace(ref ReadOnlySpan<byte> bytes)
    {
        switch (ReadNumber(ref bytes))
        {
            case 0:
                return "";
            case 1:
                return ReadId(ref bytes)?.ToString();
            case > 1 and var more when more - 1 <= bytes.Length:
                var text = Encoding.UTF8.GetString(bytes[..(int)(more - 1)]);
                bytes = bytes[(int)(more - 1)..];
                return text;
            default:
                return null;
        }
    }

    private static Guid? ReadId(ref ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 16)
            return null;
        var id = new Guid(bytes[..16], bigEndian: true);
        bytes = bytes[16..];
        return id;
    }

    private static void WriteNumber(List<byte> bytes, long number)
    {
        for (; number > 0x7F; number >>= 7)
            bytes.Add((byte)(number & 0x7F | 0x80));
        bytes.Add((byte)number);
    }

    private static long? ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        var number = 0L;
        for (var i = 0; i < bytes.Length && i < 9; i++)
        {
            number |= (long)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] <= 0x7F)
            {
                bytes = bytes[(i + 1)..];
                return number;
            }
        }
        return null;
    }
}
