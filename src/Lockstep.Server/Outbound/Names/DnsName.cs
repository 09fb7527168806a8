using System.Text;

namespace Lockstep.Server.Outbound.Names;

/// <summary>Names as they go over the wire (RFC 1035 sections 2.3.4, 3.1 and 4.1.4).</summary>
internal static class DnsName
{
    private const int MaxLabel = 63;
    private const int MaxName = 255;
    private const int Pointer = 0xC0;

    /// <summary>Letters, digits, hyphens and, for services, underscores: what may become a host name in an address.</summary>
    public static bool IsHost(string name) => name.Length is > 0 and <= MaxName - 2 && Array.TrueForAll(name.Split('.'), IsLabel);

    /// <exception cref="ArgumentException">The name is not one (<see cref="IsHost"/>).</exception>
    public static void Write(List<byte> message, string name)
    {
        if (!IsHost(name))
            throw new ArgumentException("Not a name of the DNS.", nameof(name));
        foreach (var label in name.Split('.'))
        {
            message.Add((byte)label.Length);
            message.AddRange(Encoding.ASCII.GetBytes(label));
        }
        message.Add(0);
    }

    /// <summary>Reads a name and moves behind it.</summary>
    /// <returns>In lower case, without the final dot; null when it is none that an address may be made of, or does not end.</returns>
    /// <remarks>A pointer may only lead back, before everything that this name was read from: so no chain of them is endless or long.</remarks>
    public static string? Read(ReadOnlySpan<byte> message, ref int at)
    {
        var name = new StringBuilder();
        var (position, lowest, end) = (at, at, -1);
        while (position < message.Length)
        {
            int length = message[position];
            if (length == 0)
            {
                at = end < 0 ? position + 1 : end;
                var text = name.ToString();
                return text.Length == 0 || IsHost(text) ? text : null;
            }
            if ((length & Pointer) == Pointer)
            {
                if (position + 1 >= message.Length)
                    return null;
                var target = ((length & ~Pointer) << 8) | message[position + 1];
                if (end < 0)
                    end = position + 2;
                if (target >= lowest)
                    return null;
                (position, lowest) = (target, target);
                continue;
            }
            if (length > MaxLabel || position + 1 + length > message.Length || name.Length + length + 1 > MaxName)
                return null;
            if (name.Length > 0)
                name.Append('.');
            // Bytes that are no ASCII become question marks, which no host name has.
            name.Append(Encoding.ASCII.GetString(message.Slice(position + 1, length)).ToLowerInvariant());
            position += 1 + length;
        }
        return null;
    }

    private static bool IsLabel(string label) => label.Length is > 0 and <= MaxLabel && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
