using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Lockstep.Tests.Outbound.Names;

/// <summary>A question as it arrived.</summary>
public sealed record SeenQuestion(byte[] Message, bool OverTcp, IPEndPoint From)
{
    public int Id => (Message[0] << 8) | Message[1];

    public string Name { get; } = NameIn(Message);

    public int Type => (Message[^4] << 8) | Message[^3];

    private static string NameIn(byte[] message)
    {
        var labels = new List<string>();
        for (var at = 12; message[at] != 0; at += 1 + message[at])
            labels.Add(Encoding.ASCII.GetString(message, at + 1, message[at]));
        return string.Join('.', labels);
    }
}

/// <summary>A name server on a loopback port, over UDP and TCP, that says what a test wants, hostile things included.</summary>
public sealed class FakeDnsServer : IAsyncLifetime
{
    public const int Srv = 33;
    public const int Txt = 16;
    public const int Cname = 5;

    private readonly ConcurrentQueue<SeenQuestion> questions = new();
    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> serving = [];
    private Socket udp = null!;
    private TcpListener tcp = null!;

    public IPEndPoint Address => (IPEndPoint)udp.LocalEndPoint!;

    public IReadOnlyCollection<SeenQuestion> Questions => questions;

    /// <summary>The messages sent back, in order; none: silence.</summary>
    public Func<SeenQuestion, IEnumerable<byte[]>> Answers { get; set; } = question => [Reply(question)];

    public static byte[] Reply(SeenQuestion question, params byte[][] records) => Reply(question, 0x8180, records);

    /// <summary>The question repeated, then the records.</summary>
    public static byte[] Reply(SeenQuestion question, int flags, params byte[][] records) =>
    [
        question.Message[0], question.Message[1], (byte)(flags >> 8), (byte)flags, 0, 1, (byte)(records.Length >> 8), (byte)records.Length, 0, 0, 0, 0,
        .. question.Message[12..], .. records.SelectMany(record => record),
    ];

    /// <param name="owner">Null: a pointer to the question's name.</param>
    public static byte[] Record(int type, byte[] data, string? owner = null) =>
        [.. owner is null ? [0xC0, 12] : Name(owner), 0, (byte)type, 0, 1, 0, 0, 0, 60, (byte)(data.Length >> 8), (byte)data.Length, .. data];

    public static byte[] Service(int priority, int weight, int port, string target) => Record(Srv,
        [(byte)(priority >> 8), (byte)priority, (byte)(weight >> 8), (byte)weight, (byte)(port >> 8), (byte)port, .. Name(target)]);

    public static byte[] Text(params string[] strings) => Record(Txt, [.. strings.SelectMany(text => (byte[])[(byte)text.Length, .. Encoding.UTF8.GetBytes(text)])]);

    /// <summary>As the bytes of its labels, whatever is in them; empty: the root.</summary>
    public static byte[] Name(string name) =>
        [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.Latin1.GetBytes(label)]), 0];

    public ValueTask InitializeAsync()
    {
        // TCP first: a port that is free there is seldom taken for datagrams.
        while (true)
        {
            tcp = new TcpListener(IPAddress.Loopback, 0);
            tcp.Start();
            udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                udp.Bind(tcp.LocalEndpoint);
                break;
            }
            catch (SocketException)
            {
                udp.Dispose();
                tcp.Dispose();
            }
        }
        serving.Add(ServeUdp());
        serving.Add(ServeTcp());
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(serving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        udp.Dispose();
        tcp.Dispose();
        stop.Dispose();
    }

    private async Task ServeUdp()
    {
        var buffer = new byte[4096];
        while (true)
        {
            var received = await udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), stop.Token);
            var question = new SeenQuestion(buffer[..received.ReceivedBytes], false, (IPEndPoint)received.RemoteEndPoint);
            questions.Enqueue(question);
            foreach (var answer in Answers(question))
                await udp.SendToAsync(answer, SocketFlags.None, received.RemoteEndPoint, stop.Token);
        }
    }

    private async Task ServeTcp()
    {
        while (true)
        {
            using var client = await tcp.AcceptTcpClientAsync(stop.Token);
            var stream = client.GetStream();
            var length = new byte[2];
            await stream.ReadExactlyAsync(length, stop.Token);
            var message = new byte[(length[0] << 8) | length[1]];
            await stream.ReadExactlyAsync(message, stop.Token);
            var question = new SeenQuestion(message, true, (IPEndPoint)client.Client.RemoteEndPoint!);
            questions.Enqueue(question);
            foreach (var answer in Answers(question))
                await stream.WriteAsync((byte[])[(byte)(answer.Length >> 8), (byte)answer.Length, .. answer], stop.Token);
        }
    }
}
