using System.Reflection;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>docs/threat-model.md says by which test each attack is held; every test that it names is there and runs.</summary>
public sealed partial class ThreatModelTests
{
    private const int AttacksNamed = 44;

    private static readonly Dictionary<string, MethodInfo> Tests = typeof(ThreatModelTests).Assembly.GetTypes()
        .Where(type => type is { IsClass: true, IsPublic: true })
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(method => (type, method)))
        .Where(found => found.method.GetCustomAttributes<FactAttribute>(inherit: true).Any())
        .ToDictionary(found => $"{found.type.Name}.{found.method.Name}", found => found.method, StringComparer.Ordinal);

    [Fact]
    public void Every_attack_of_the_threat_model_names_a_test_that_is_there_and_is_not_skipped()
    {
        var attacks = Attacks();
        attacks.Count.ShouldBeGreaterThanOrEqualTo(AttacksNamed);
        foreach (var (attack, names) in attacks)
        {
            names.ShouldNotBeEmpty(attack);
            foreach (var name in names)
            {
                Tests.ShouldContainKey(name, $"{attack}: no such test");
                Tests[name].GetCustomAttribute<FactAttribute>()!.Skip.ShouldBeNull(name);
            }
        }
    }

    [Fact]
    public void A_class_of_tests_of_an_abstract_base_is_run_by_something_concrete()
    {
        foreach (var name in Attacks().SelectMany(attack => attack.Tests).Distinct())
        {
            var type = Tests[name].DeclaringType!;
            (!type.IsAbstract || type.Assembly.GetTypes().Any(heir => heir.IsSubclassOf(type) && heir is { IsAbstract: false, IsPublic: true })).ShouldBeTrue(name);
        }
    }

    private static List<(string Attack, List<string> Tests)> Attacks() =>
    [
        .. File.ReadLines(Path.Combine(Repository.Root, "docs", "threat-model.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains("Tests.", StringComparison.Ordinal))
            .Select(line => (line.Split('|')[1].Trim(), Name().Matches(line).Select(match => match.Groups[1].Value).ToList())),
    ];

    [GeneratedRegex(@"`(\w+Tests\.\w+)`")]
    private static partial Regex Name();
}
