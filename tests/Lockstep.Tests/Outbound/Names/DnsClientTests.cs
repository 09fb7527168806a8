using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.Outbound.Names;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Outbound.Names;

/// <summary>Our small DNS client against a server that may say anything (RFC 1035, RFC 2782, RFC 5452, RFC 7766).</summary>
public sealed class DnsClientTests : IAsyncLifetime
{
    private const string Asked = "_caldavs._tcp.example.com";

    private readonly FakeDnsServer server = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => server.InitializeAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Services_and_texts_are_read()
    {
        server.Answers = question => [FakeDnsServer.Reply(question, question.Type == FakeDnsServer.Srv
            ? [FakeDnsServer.Service(1, 2, 8443, "cal.example.com"), FakeDnsServer.Service(0, 0, 443, "Other.Example.COM")]
            : [FakeDnsServer.Text("path=/dav", "x=y"), FakeDnsServer.Text("z")])];

        (await Ask(DnsType.Srv))!.Services.ShouldBe([new SrvRecord(1, 2, 8443, "cal.example.com"), new SrvRecord(0, 0, 443, "other.example.com")]);
        (await Ask(DnsType.Txt))!.Texts.ShouldBe(["path=/dav", "x=y", "z"]);
    }

    [Fact]
    public async Task Every_question_has_a_port_and_an_id_of_its_own()
    {
        for (var i = 0; i < 20; i++)
            await Ask(DnsType.Srv);

        server.Questions.Select(question => question.Name).Distinct().ShouldBe([Asked]);
        server.Questions.Select(question => question.Id).Distinct().Count().ShouldBeGreaterThan(17);
        server.Questions.Select(question => question.From.Port).Distinct().Count().ShouldBeGreaterThan(15);
    }

    [Fact]
    public async Task What_does_not_repeat_the_question_is_passed_over()
    {
        server.Answers = question =>
        {
            var good = FakeDnsServer.Reply(question, FakeDnsServer.Service(0, 0, 443, "cal.example.com"));
            var forged = FakeDnsServer.Reply(question, FakeDnsServer.Service(0, 0, 443, "forged.example.com"));
            byte[] otherId = [(byte)~forged[0], .. forged[1..]];
            byte[] otherName = [.. forged[..13], (byte)'-', .. forged[14..]];
            byte[] noResponse = [.. forged[..2], 0x01, 0x00, .. forged[4..]];
            byte[] twoQuestions = [.. forged[..5], 2, .. forged[6..]];
            return [otherId, otherName, noResponse, twoQuestions, [], [1], good];
        };

        (await Ask(DnsType.Srv))!.Services.ShouldHaveSingleItem().Target.ShouldBe("cal.example.com");
        server.Questions.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_that_does_not_fit_is_asked_for_over_tcp()
    {
        server.Answers = question => question.OverTcp
            ? [FakeDnsServer.Reply(question, [.. Enumerable.Range(0, 150).Select(i => FakeDnsServer.Service(0, 0, 443, $"c{i}.example.com"))])]
            : [FakeDnsServer.Reply(question, 0x8380)];

        (await Ask(DnsType.Srv))!.Services.Count.ShouldBe(150);
        server.Questions.Select(question => question.OverTcp).ShouldBe([false, true]);
    }

    [Fact]
    public async Task An_alias_is_followed_and_records_of_other_names_are_nobodys_answer()
    {
        server.Answers = question => [FakeDnsServer.Reply(question,
            FakeDnsServer.Record(FakeDnsServer.Cname, FakeDnsServer.Name("srv.example.net")),
            FakeDnsServer.Record(FakeDnsServer.Srv, [0, 0, 0, 0, 1, 187, .. FakeDnsServer.Name("true.example.net")], "srv.example.net"),
            FakeDnsServer.Record(FakeDnsServer.Srv, [0, 0, 0, 0, 1, 187, .. FakeDnsServer.Name("stray.example.net")], "other.example.net"))];

        (await Ask(DnsType.Srv))!.Services.ShouldHaveSingleItem().Target.ShouldBe("true.example.net");
    }

    [Fact]
    public async Task Names_that_no_address_can_be_made_of_are_no_targets()
    {
        server.Answers = question => [FakeDnsServer.Reply(question,
            FakeDnsServer.Service(0, 0, 443, "a@b.example.com"),
            FakeDnsServer.Service(0, 0, 443, "a/b.example.com"),
            FakeDnsServer.Service(0, 0, 443, "a b"),
            FakeDnsServer.Service(0, 0, 443, "\u00e9vil"),
            FakeDnsServer.Service(0, 0, 0, "no-port.example.com"),
            FakeDnsServer.Record(FakeDnsServer.Srv, [0, 0, 0]),
            FakeDnsServer.Service(0, 0, 443, "good.example.com"))];

        (await Ask(DnsType.Srv))!.Services.ShouldHaveSingleItem().Target.ShouldBe("good.example.com");
    }

    [Fact]
    public async Task The_target_that_is_the_root_says_that_there_is_no_service()
    {
        server.Answers = question => [FakeDnsServer.Reply(question, FakeDnsServer.Service(0, 0, 1, ""))];

        (await Ask(DnsType.Srv))!.Services.ShouldHaveSingleItem().Target.ShouldBe("");
    }

    [Fact]
    public async Task A_name_that_does_not_exist_is_an_answer_and_a_failing_server_is_none()
    {
        server.Answers = question => [FakeDnsServer.Reply(question, 0x8183)];
        (await Ask(DnsType.Srv)).ShouldBe(DnsAnswer.Nothing);

        server.Answers = question => [FakeDnsServer.Reply(question, 0x8182)];
        (await Ask(DnsType.Srv)).ShouldBeNull();
        server.Answers = _ => [];
        (await Ask(DnsType.Srv)).ShouldBeNull();
    }

    [Fact]
    public async Task The_next_server_is_asked_when_one_says_nothing()
    {
        await using var silent = new FakeDnsServer { Answers = _ => [] };
        await silent.InitializeAsync();
        server.Answers = question => [FakeDnsServer.Reply(question, FakeDnsServer.Service(0, 0, 443, "cal.example.com"))];

        var answer = await Client(silent.Address, server.Address).Ask(Asked, DnsType.Srv, Ct);

        answer!.Services.Count.ShouldBe(1);
        silent.Questions.Count.ShouldBe(1);
    }

    [Fact]
    public void Pointers_that_lead_forward_or_in_circles_end()
    {
        // To itself; to each other; forward; back and then through the same label again and again.
        byte[][] bombs =
        [
            [0xC0, 0x00], [0xC0, 0x02, 0xC0, 0x00], [0xC0, 0x04, 0, 0, 1, (byte)'a', 0], [1, (byte)'a', 0xC0, 0x00],
            [63, .. new byte[20]], [0xC0], [0x80, 1], [0x40, 1],
        ];
        foreach (var bomb in bombs)
        {
            foreach (var start in Enumerable.Range(0, bomb.Length))
            {
                var at = start;
                DnsName.Read(bomb, ref at)?.Length.ShouldBeLessThanOrEqualTo(255);
            }
        }
        byte[] longest = [.. Enumerable.Repeat((byte[])[63, .. Enumerable.Repeat((byte)'a', 63)], 5).SelectMany(label => label), 0];
        var from = 0;
        DnsName.Read(longest, ref from).ShouldBeNull();
    }

    [Fact]
    public void Any_bytes_are_read_without_an_exception()
    {
        var message = new DnsMessage(7, Asked, DnsType.Srv);
        var head = FakeDnsServer.Reply(new SeenQuestion(message.Question(), false, new IPEndPoint(0, 0)));
        var records = Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf();
        Prop.ForAll(Arb.From(records), Arb.From(Gen.Choose(0, 300)), (bytes, count) =>
        {
            byte[] answer = [.. head[..6], (byte)(count >> 8), (byte)count, .. head[8..], .. bytes];
            message.Read(answer).Answer.Services.Count.ShouldBeLessThanOrEqualTo(count);
            message.Read(bytes).Reply.ShouldBe(DnsReply.Stray);
        }).Check(Properties.Config);
    }

    [Fact]
    public void The_name_servers_of_the_machine_are_read_as_resolv_conf_says()
    {
        ResolvConf.Read("# nameserver 9.9.9.9\noptions edns0\nnameserver 10.0.0.2\n  nameserver\t2001:db8::1 \nnameserver nonsense\nnameserver 10.0.0.3\nnameserver 10.0.0.4\r\n")
            .Select(server => server.ToString()).ShouldBe(["10.0.0.2:53", "[2001:db8::1]:53", "10.0.0.3:53"]);
        ResolvConf.Read("").ShouldHaveSingleItem().ToString().ShouldBe("127.0.0.1:53");
    }

    [Fact]
    public async Task What_is_no_name_is_not_asked_for()
    {
        foreach (var name in new[] { "", "a..b", "a b", "é.example", new string('a', 64), string.Join('.', Enumerable.Repeat("abcdefgh", 40)) })
            (await Client(server.Address).Ask(name, DnsType.Srv, Ct)).ShouldBe(DnsAnswer.Nothing);
        server.Questions.ShouldBeEmpty();
    }

    private Task<DnsAnswer?> Ask(DnsType type) => Client(server.Address).Ask(Asked, type, Ct);

    private static DnsClient Client(params IPEndPoint[] servers) => new(() => servers, TimeSpan.FromMilliseconds(700), TimeProvider.System);
}
