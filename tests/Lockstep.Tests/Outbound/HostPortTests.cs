using Lockstep.Server.Outbound;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Outbound;

public sealed class HostPortTests
{
    [Fact]
    public void The_setting_is_a_list_of_exact_pairs()
    {
        var errors = new List<string>();

        var allowed = OutboundAllowList.Parse("127.0.0.1:5232, Cal.Example.COM:443\n[::1]:80 bücher.example:8443", errors);

        errors.ShouldBeEmpty();
        allowed.Select(pair => pair.ToString()).ShouldBe(
            ["127.0.0.1:5232", "cal.example.com:443", "[::1]:80", "xn--bcher-kva.example:8443"], ignoreOrder: true);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" , ")]
    public void Nothing_allows_nothing(string? setting)
    {
        var errors = new List<string>();

        OutboundAllowList.Parse(setting, errors).ShouldBeEmpty();
        errors.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:")]
    [InlineData("localhost:0")]
    [InlineData("localhost:65536")]
    [InlineData("localhost:+80")]
    [InlineData(":80")]
    [InlineData("*.example.com:443")]
    [InlineData("http://example.com:80")]
    [InlineData("example.com/x:80")]
    [InlineData("user@example.com:80")]
    [InlineData("::1:80")]
    [InlineData("10.0.0.0/8:80")]
    public void A_bad_entry_is_named_and_the_others_are_read(string entry)
    {
        var errors = new List<string>();

        OutboundAllowList.Parse($"good.example:1,{entry},fine.example:2", errors).Count.ShouldBe(2);

        errors.ShouldHaveSingleItem().ShouldStartWith($"LOCKSTEP_OUTBOUND_ALLOW: '{entry}' ");
    }
}
