using System.Reflection;
using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Support;

/// <summary>The tests that a table of a document names as <c>ClassTests.Method</c> in backquotes.</summary>
internal static partial class NamedTests
{
    private static readonly Dictionary<string, MethodInfo> Tests = typeof(NamedTests).Assembly.GetTypes()
        .Where(type => type is { IsClass: true, IsPublic: true })
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(method => (type, method)))
        .Where(found => found.method.GetCustomAttributes<FactAttribute>(inherit: true).Any())
        .ToDictionary(found => $"{found.type.Name}.{found.method.Name}", found => found.method, StringComparer.Ordinal);

    /// <summary>The rows that name a test, as their cells; the first says what is held.</summary>
    public static List<string[]> RowsOf(string document) =>
    [
        .. File.ReadLines(Path.Combine(Repository.Root, "docs", document))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains("Tests.", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1]),
    ];

    /// <summary>The names in a text.</summary>
    public static List<string> In(string text) => [.. Name().Matches(text).Select(match => match.Groups[1].Value)];

    /// <summary>Every row names tests that are there, run by something concrete, and are not skipped.</summary>
    public static void ShouldBeThere(List<string[]> rows)
    {
        foreach (var row in rows)
        {
            var names = In(string.Join('|', row));
            names.ShouldNotBeEmpty(row[0]);
            foreach (var name in names)
                Method(name, row[0]).GetCustomAttribute<FactAttribute>()!.Skip.ShouldBeNull(name);
        }
    }

    /// <exception cref="ShouldAssertException">There is no such test.</exception>
    public static MethodInfo Method(string name, string row)
    {
        Tests.ShouldContainKey(name, $"{row}: no such test");
        var type = Tests[name].DeclaringType!;
        (!type.IsAbstract || type.Assembly.GetTypes().Any(heir => heir.IsSubclassOf(type) && heir is { IsAbstract: false, IsPublic: true })).ShouldBeTrue(name);
        return Tests[name];
    }

    [GeneratedRegex(@"`(\w+Tests\.\w+)`")]
    private static partial Regex Name();
}
