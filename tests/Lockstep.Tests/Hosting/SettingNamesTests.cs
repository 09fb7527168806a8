using System.Text.RegularExpressions;
using Lockstep.Server.Hosting;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

public sealed partial class SettingNamesTests
{
    [Theory]
    [InlineData("LOCKSTEP_OUTBOUND_ALOW", "LOCKSTEP_OUTBOUND_ALLOW")]
    [InlineData("LOCKSTEP_MASTER_KEY", "LOCKSTEP_MASTER_KEYS")]
    [InlineData("LOCKSTEP_TRANSIT_ADDRESS", "LOCKSTEP_TRANSIT_ADDR")]
    public void A_mistyped_setting_is_named_with_the_one_that_is_meant(string typed, string meant) =>
        SettingNames.Unknown([typed, "PATH"]).ShouldHaveSingleItem().What.ShouldBe($"{typed} is no setting, and nothing reads it. Is {meant} meant?");

    [Fact]
    public void What_has_nothing_near_is_named_alone() =>
        SettingNames.Unknown(["LOCKSTEP_COLOUR_OF_THE_SKY"]).ShouldHaveSingleItem().What.ShouldEndWith("nothing reads it.");

    [Fact]
    public void What_is_a_setting_or_somebody_elses_is_not_named() =>
        SettingNames.Unknown([.. SettingNames.Known, "LOCKSTEPS", "HOME", "LOCKSTEP_SERVICE_HOST", "LOCKSTEP_SERVICE_PORT_HTTP", "LOCKSTEP_PORT", "LOCKSTEP_PORT_5080_TCP_ADDR"])
            .ShouldBeEmpty();

    [Fact]
    public void Every_name_that_the_program_or_its_operations_guide_writes_out_is_known()
    {
        var sources = Repository.Sources("src").Append(Path.Combine(Repository.Root, "docs", "operations.md"));
        var written = sources.SelectMany(path => Name().Matches(File.ReadAllText(path)).Select(match => match.Value)).Distinct();
        SettingNames.Unknown(written).Select(each => each.Name).ShouldBeEmpty();
    }

    /// <summary>Whole names: what ends in an underscore is the beginning of several.</summary>
    [GeneratedRegex("(?<![A-Z_])LOCKSTEP_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])")]
    private static partial Regex Name();
}
