using System.Buffers.Binary;
using System.Text;

namespace Lockstep.Server.Outbound.Names;

/// <summary>How a message answers a question.</summary>
internal enum DnsReply
{
    /// <summary>It does not: another id, another question, or nothing that can be read. Wait for the true one.</summary>
    Stray,

    /// <summary>It would not fit: ask again over TCP (RFC 7766).</summary>
    Truncated,

    /// <summary>The server could not or would not say; another one may.</summary>
    Failed,

    /// <summary>Yes, with or without records.</summary>
    Answered,
}

/// <summary>One question and its answer (RFC 1035 section 4). Pure; what it reads is hostile.</summary>
internal sealed record DnsMessage(ushort Id, string Name, DnsType Type)
{
    private const int HeaderLength = 12;
    private const int Internet = 1;
    private const int Alias = 5;

    /// <summary>More is no answer about a calendar.</summary>
    private const int MostRecords = 200;

    /// <summary>Names that stand for other names, followed within one answer.</summary>
    private const int MostAliases = 8;

    private const int IsResponse = 0x8000;
    private const int OpcodeBits = 0x7800;
    private const int IsTruncated = 0x0200;
    private const int WantsRecursion = 0x0100;
    private const int CodeBits = 0x000F;
    private const int NoSuchName = 3;

    public byte[] Question()
    {
        List<byte> message = [(byte)(Id >> 8), (byte)Id, WantsRecursion >> 8, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        DnsName.Write(message, Name);
        message.AddRange([0, (byte)Type, 0, Internet]);
        return [.. message];
    }

    /// <summary>Reads what came back.</summary>
    public (DnsReply Reply, DnsAnswer Answer) Read(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeaderLength || Number(message, 0) != Id)
            return (DnsReply.Stray, DnsAnswer.Nothing);
        var (flags, questions, answers) = (Number(message, 2), Number(message, 4), Number(message, 6));
        var at = HeaderLength;
        if ((flags & IsResponse) == 0 || (flags & OpcodeBits) != 0 || questions != 1
            || !string.Equals(DnsName.Read(message, ref at), Name, StringComparison.OrdinalIgnoreCase)
            || at + 4 > message.Length || Number(message, at) != (int)Type || Number(message, at + 2) != Internet)
            return (DnsReply.Stray, DnsAnswer.Nothing);
        at += 4;
        if ((flags & IsTruncated) != 0)
            return (DnsReply.Truncated, DnsAnswer.Nothing);
        return (flags & CodeBits) switch
        {
            0 when answers <= MostRecords => Records(message, at, answers),
            NoSuchName => (DnsReply.Answered, DnsAnswer.Nothing),
            _ => (DnsReply.Failed, DnsAnswer.Nothing),
        };
    }

    private (DnsReply Reply, DnsAnswer Answer) Records(ReadOnlySpan<byte> message, int at, int count)
    {
        var wanted = Name.ToLowerInvariant();
        var aliases = 0;
        var services = new List<SrvRecord>();
        var texts = new List<string>();
        for (var i = 0; i < count; i++)
        {
            if (DnsName.Read(message, ref at) is not { } owner || at + 10 > message.Length)
                return (DnsReply.Failed, DnsAnswer.Nothing);
            var (type, network, length) = (Number(message, at), Number(message, at + 2), Number(message, at + 8));
            var data = at + 10;
            at = data + length;
            if (at > message.Length)
                return (DnsReply.Failed, DnsAnswer.Nothing);
            // Records of other names are nobody's answer, true or not.
            if (network != Internet || owner != wanted)
                continue;
            var inside = data;
            if (type == Alias && ++aliases <= MostAliases && DnsName.Read(message, ref inside) is { Length: > 0 } alias)
                wanted = alias;
            else if (type == (int)DnsType.Srv && Type == DnsType.Srv && Service(message, data, length) is { } service)
                services.Add(service);
            else if (type == (int)DnsType.Txt && Type == DnsType.Txt)
                Strings(message.Slice(data, length), texts);
        }
        return (DnsReply.Answered, new DnsAnswer(services, texts));
    }

    private static SrvRecord? Service(ReadOnlySpan<byte> message, int at, int length)
    {
        var target = at + 6;
        return length >= 7 && DnsName.Read(message, ref target) is { } host && Number(message, at + 4) is > 0 and var port
            ? new SrvRecord(Number(message, at), Number(message, at + 2), port, host)
            : null;
    }

    private static void Strings(ReadOnlySpan<byte> data, List<string> texts)
    {
        while (!data.IsEmpty && data.Length > data[0])
        {
            texts.Add(Encoding.UTF8.GetString(data.Slice(1, data[0])));
            data = data[(1 + data[0])..];
        }
    }

    private static int Number(ReadOnlySpan<byte> message, int at) => BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
}
