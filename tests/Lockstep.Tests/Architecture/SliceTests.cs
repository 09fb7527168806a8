using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Architecture;

/// <summary>The rules between rooms of docs/architecture.md, held on the sources.</summary>
public sealed partial class SliceTests
{
    /// <summary>Below every slice; they know none of them.</summary>
    private static readonly string[] Ground = ["Postgres", "Http", "Outbound", "Tenancy", "Detection"];

    private static readonly Dictionary<string, string[]> MayImport = new()
    {
        ["Postgres"] = ["Tenancy"],
        ["Http"] = [],
        ["Detection"] = ["Http"],
        ["Outbound"] = [],
        ["Tenancy"] = ["Postgres", "Http", "Detection", "Activity"],
        ["Activity"] = [.. Ground],
        ["Vault"] = [.. Ground, "Activity"],
        ["ChangeSync"] = [.. Ground, "Activity"],
        ["Calendars"] = [.. Ground, "Activity", "ChangeSync"],
        ["Integrations"] = [.. Ground, "Activity", "Vault", "Calendars"],
        ["Booking"] = [.. Ground, "Activity", "Calendars"],
    };

    [Fact]
    public void Every_room_has_its_rule()
    {
        var rooms = Directory.GetDirectories(Path.Combine(Repository.Root, "src", "Lockstep.Server")).Select(Path.GetFileName)
            .Where(name => name is not ("bin" or "obj" or "Hosting" or "Console"));
        rooms.ShouldBeSubsetOf(MayImport.Keys);
    }

    [Fact]
    public void Slices_import_only_what_the_architecture_allows()
    {
        var broken =
            from file in Repository.Sources("src/Lockstep.Server")
            let room = Room(file)
            where MayImport.ContainsKey(room)
            from line in File.ReadLines(file)
            let imported = Import().Match(line)
            where imported.Success && imported.Groups[1].Value != room && !MayImport[room].Contains(imported.Groups[1].Value)
            select $"{Path.GetRelativePath(Repository.Root, file)} reaches into {imported.Groups[1].Value}";
        broken.ShouldBeEmpty();
    }

    [Fact]
    public void Libraries_know_neither_database_nor_web()
    {
        var broken =
            from library in new[] { "src/Lockstep.Crypto", "src/Lockstep.Calendaring" }
            from file in Repository.Sources(library)
            from line in File.ReadLines(file)
            where Foreign().IsMatch(line)
            select $"{Path.GetRelativePath(Repository.Root, file)}: {line.Trim()}";
        broken.ShouldBeEmpty();
    }

    [Fact]
    public void No_file_is_over_400_lines() =>
        Repository.Sources("src").Where(file => File.ReadLines(file).Count() > 400)
            .Select(file => Path.GetRelativePath(Repository.Root, file)).ShouldBeEmpty();

    [Fact]
    public void Sql_is_never_built_from_strings()
    {
        // Statement takes constants alone (CA1857); these are the ways around it.
        var broken =
            from file in Repository.Sources("src/Lockstep.Server")
            from line in File.ReadLines(file)
            where BuiltSql().IsMatch(line) || (line.Contains("CommandText", StringComparison.Ordinal) && !line.TrimStart().StartsWith("//", StringComparison.Ordinal))
            select $"{Path.GetRelativePath(Repository.Root, file)}: {line.Trim()}";
        broken.ShouldBeEmpty();
    }

    private static string Room(string file) => Path.GetRelativePath(Path.Combine(Repository.Root, "src", "Lockstep.Server"), file).Split('/')[0];

    [GeneratedRegex(@"(?:using (?:static )?|[^.\w])Lockstep\.Server\.([A-Z]\w+)")]
    private static partial Regex Import();

    [GeneratedRegex(@"^using (?:Npgsql|Microsoft\.AspNetCore|Lockstep\.Server)")]
    private static partial Regex Foreign();

    [GeneratedRegex(@"\$@?""+\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|SET|NOTIFY|LISTEN)\s", RegexOptions.IgnoreCase)]
    private static partial Regex BuiltSql();
}
