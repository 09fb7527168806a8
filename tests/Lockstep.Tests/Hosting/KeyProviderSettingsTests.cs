using Lockstep.Crypto.Transit;
using Lockstep.Server.Hosting;
using Lockstep.Server.Vault.Keys;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

public sealed class KeyProviderSettingsTests
{
    [Fact]
    public void Nothing_set_is_the_local_ring_alone() => Read([]).Options.ShouldSatisfyAllConditions(
        options => options.Transit.ShouldBeNull(), options => options.Direct.ShouldBeFalse(), options => options.StandIn.ShouldBeTrue());

    [Fact]
    public void Address_and_token_are_enough()
    {
        var (options, faults) = Read(new() { ["LOCKSTEP_TRANSIT_ADDR"] = "https://vault.example.com:8200/prefix", ["LOCKSTEP_TRANSIT_TOKEN"] = "hvs.abc" });
        faults.ShouldBeEmpty();
        options.Transit!.ShouldSatisfyAllConditions(
            transit => transit.Keys.ShouldBe(["lockstep"]), transit => transit.Mount.ShouldBe("transit"),
            transit => transit.Namespace.ShouldBeNull(), transit => transit.Login.ShouldBeOfType<TransitLogin.Token>());
    }

    [Fact]
    public void Every_setting_is_taken()
    {
        var (options, faults) = Read(new()
        {
            ["LOCKSTEP_TRANSIT_ADDR"] = "https://vault:8200",
            ["LOCKSTEP_TRANSIT_KEY"] = "newer, older",
            ["LOCKSTEP_TRANSIT_MOUNT"] = "secrets/transit",
            ["LOCKSTEP_TRANSIT_NAMESPACE"] = "team/a",
            ["LOCKSTEP_TRANSIT_ROLE_ID"] = "role",
            ["LOCKSTEP_TRANSIT_SECRET_ID"] = "secret",
            ["LOCKSTEP_TRANSIT_AUTH_MOUNT"] = "our-approle",
            ["LOCKSTEP_TRANSIT_TIMEOUT"] = "5",
            ["LOCKSTEP_TRANSIT_FALLBACK"] = "none",
            ["LOCKSTEP_TRANSIT_FALLBACK_WRITES"] = "7",
            ["LOCKSTEP_TRANSIT_FALLBACK_MINUTES"] = "8",
            ["LOCKSTEP_SEALING"] = "direct",
        });
        faults.ShouldBeEmpty();
        options.ShouldSatisfyAllConditions(
            o => o.Direct.ShouldBeTrue(), o => o.StandIn.ShouldBeFalse(), o => o.StandInWrites.ShouldBe(7), o => o.StandInMinutes.ShouldBe(8),
            o => o.Transit!.Keys.ShouldBe(["newer", "older"]), o => o.Transit!.Timeout.ShouldBe(TimeSpan.FromSeconds(5)), o => o.Transit!.Namespace.ShouldBe("team/a"),
            o => o.Transit!.Login.ShouldBeOfType<TransitLogin.AppRole>().Mount.ShouldBe("our-approle"));
        Read(new() { ["LOCKSTEP_TRANSIT_ADDR"] = "https://vault:8200", ["LOCKSTEP_TRANSIT_K8S_ROLE"] = "lockstep" }).Options.Transit!.Login
            .ShouldBe(new TransitLogin.Kubernetes("lockstep"));
    }

    [Theory]
    [InlineData("LOCKSTEP_TRANSIT_ADDR", "vault:8200")]
    [InlineData("LOCKSTEP_TRANSIT_ADDR", "https://user:hunter2@vault")]
    [InlineData("LOCKSTEP_TRANSIT_KEY", "../sys/seal")]
    [InlineData("LOCKSTEP_TRANSIT_KEY", "a,b,c")]
    [InlineData("LOCKSTEP_TRANSIT_KEY", "a,a")]
    [InlineData("LOCKSTEP_TRANSIT_MOUNT", "../auth")]
    [InlineData("LOCKSTEP_TRANSIT_MOUNT", "/transit/")]
    [InlineData("LOCKSTEP_TRANSIT_TOKEN", "hvs.hunter2\nX-Evil: 1")]
    [InlineData("LOCKSTEP_TRANSIT_TOKEN", "")]
    [InlineData("LOCKSTEP_TRANSIT_ROLE_ID", "second way")]
    [InlineData("LOCKSTEP_TRANSIT_TIMEOUT", "0")]
    [InlineData("LOCKSTEP_TRANSIT_FALLBACK", "yes")]
    [InlineData("LOCKSTEP_SEALING", "both")]
    public void A_wrong_setting_is_named_and_its_value_is_not(string name, string value)
    {
        var (_, faults) = Read(new() { ["LOCKSTEP_TRANSIT_ADDR"] = "https://vault:8200", ["LOCKSTEP_TRANSIT_TOKEN"] = "hvs.abc", [name] = value });
        faults.ShouldHaveSingleItem().ShouldSatisfyAllConditions(fault => fault.ShouldContain(name), fault => fault.ShouldNotContain("hunter2"));
    }

    [Fact]
    public void Settings_of_Transit_without_its_address_are_a_fault()
    {
        Read(new() { ["LOCKSTEP_TRANSIT_TOKEN"] = "hvs.abc" }).Faults.ShouldHaveSingleItem().ShouldContain("LOCKSTEP_TRANSIT_ADDR");
        Read(new() { ["LOCKSTEP_SEALING"] = "direct" }).Faults.ShouldHaveSingleItem().ShouldContain("LOCKSTEP_TRANSIT_ADDR");
    }

    private static (KeyProviderOptions Options, List<string> Faults) Read(Dictionary<string, string> environment)
    {
        var faults = new List<string>();
        return (KeyProviderSettings.Read(environment.GetValueOrDefault, "LOCKSTEP_MASTER_KEYS", faults), faults);
    }
}
