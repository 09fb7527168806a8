using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>docs/threat-model.md says by which test each attack is held; every test that it names is there and runs.</summary>
public sealed class ThreatModelTests
{
    private const int AttacksNamed = 44;

    [Fact]
    public void Every_attack_of_the_threat_model_names_a_test_that_is_there_and_is_not_skipped()
    {
        var attacks = NamedTests.RowsOf("threat-model.md");
        attacks.Count.ShouldBeGreaterThanOrEqualTo(AttacksNamed);
        NamedTests.ShouldBeThere(attacks);
    }
}
