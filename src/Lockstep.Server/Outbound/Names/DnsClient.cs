using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Lockstep.Server.Outbound.Names;

/// <summary>Asks the machine's name servers for what the framework does not: SRV and TXT records.</summary>
/// <remarks>
/// A random id and a fresh port for each question, and the answer has to repeat the question (RFC 5452): what is guessed or late is
/// passed over, not believed. Nothing is cached. The answer decides nothing about where may be connected to: the outbound guard does.
/// </remarks>
/// <param name="servers">Asked for each question.</param>
/// <param name="patience">With one server, for one try.</param>
internal sealed class DnsClient(Func<IReadOnlyList<IPEndPoint>> servers, TimeSpan patience, TimeProvider time)
{
    private const int Tries = 2;

    /// <summary>RFC 1035 section 2.3.4 says 512; a larger datagram is cut and then does not read.</summary>
    private const int Datagram = 4096;

    public DnsClient(TimeProvider time)
        : this(ResolvConf.OfMachine, TimeSpan.FromSeconds(2), time)
    {
    }

    /// <param name="name">A name of letters, digits, hyphens, underscores and dots.</param>
    /// <returns>Null when no name server says anything; without records when there are none.</returns>
    public async Task<DnsAnswer?> Ask(string name, DnsType type, CancellationToken ct)
    {
        if (!DnsName.IsHost(name))
            return DnsAnswer.Nothing;
        var all = servers();
        for (var attempt = 0; attempt < Tries; attempt++)
        {
            foreach (var server in all)
            {
                if (await One(server, name, type, ct) is { } answer)
                    return answer;
            }
        }
        return null;
    }

    private async Task<DnsAnswer?> One(IPEndPoint server, string name, DnsType type, CancellationToken ct)
    {
        var message = new DnsMessage(BinaryPrimitives.ReadUInt16BigEndian(RandomNumberGenerator.GetBytes(2)), name, type);
        using var late = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            var (reply, answer) = await OverUdp(server, message, either.Token);
            if (reply == DnsReply.Truncated)
                (reply, answer) = await OverTcp(server, message, either.Token);
            return reply == DnsReply.Answered ? answer : null;
        }
        catch (Exception e) when (e is SocketException or IOException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return null;
        }
    }

    private static async Task<(DnsReply Reply, DnsAnswer Answer)> OverUdp(IPEndPoint server, DnsMessage message, CancellationToken ct)
    {
        // Connected: datagrams of others do not arrive. The system draws the port.
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, ct);
        await socket.SendAsync(message.Question(), ct);
        var buffer = new byte[Datagram];
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, ct);
            if (message.Read(buffer.AsSpan(0, length)) is { Reply: not DnsReply.Stray } found)
                return found;
        }
    }

    private static async Task<(DnsReply Reply, DnsAnswer Answer)> OverTcp(IPEndPoint server, DnsMessage message, CancellationToken ct)
    {
        using var client = new TcpClient(server.AddressFamily);
        await client.ConnectAsync(server, ct);
        var stream = client.GetStream();
        var question = message.Question();
        byte[] framed = [(byte)(question.Length >> 8), (byte)question.Length, .. question];
        await stream.WriteAsync(framed, ct);
        var length = new byte[2];
        await stream.ReadExactlyAsync(length, ct);
        var answer = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        await stream.ReadExactlyAsync(answer, ct);
        return message.Read(answer) is { Reply: DnsReply.Answered or DnsReply.Failed } found ? found : (DnsReply.Failed, DnsAnswer.Nothing);
    }
}
