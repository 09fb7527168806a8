using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Architecture;

/// <summary>docs/architecture.md names what is there, and all of it.</summary>
public sealed partial class ArchitectureTextTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "architecture.md"));

    /// <summary>A room's folders that a row about the room speaks for.</summary>
    private static readonly string[] Spoken =
        ["Activity/Chain", "Booking/Page", "Booking/Why", "ChangeSync/Mana", "ChangeSync/Native", "Integrations/Caldav", "Outbound/Names",
        "Postgres/Embedded", "Postgres/Migrations", "Tenancy/ApiTokens", "Tenancy/Jwt", "Tenancy/Memberships"];

    [Fact]
    public void Every_room_that_is_named_is_there_and_every_one_that_is_there_is_named()
    {
        var named = Rows("Server/").Select(row => Name().Match(row[0]).Groups[1].Value["Server/".Length..]).ToList();
        var server = Path.Combine(Repository.Root, "src", "Lockstep.Server");
        named.Where(room => !Directory.Exists(Path.Combine(server, room))).ShouldBeEmpty();

        var there = Directory.EnumerateDirectories(server).Where(room => Path.GetFileName(room) is not ("bin" or "obj"))
            .SelectMany(room => Directory.EnumerateDirectories(room).Append(room)).Select(room => Path.GetRelativePath(server, room).Replace('\\', '/'));
        // The console has a folder for each entry of its menu.
        there.Except(named).Except(Spoken).Where(room => !room.StartsWith("Console/", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void Every_door_and_every_job_is_a_type_of_the_program()
    {
        var types = typeof(Lockstep.Server.Hosting.LockstepServer).Assembly.GetTypes()
            .Concat(typeof(Lockstep.Calendaring.Caldav.CaldavClient).Assembly.GetTypes()).Concat(typeof(Lockstep.Crypto.Secret).Assembly.GetTypes())
            .Select(type => type.Name).ToHashSet(StringComparer.Ordinal);
        var doors = Rows("Server/").Concat(Rows("Lockstep.C")).SelectMany(row => Name().Matches(row[^1])).Select(match => match.Groups[1].Value).ToList();
        doors.Count.ShouldBeGreaterThan(25);
        doors.Where(door => !types.Contains(door)).ShouldBeEmpty();

        var jobs = typeof(Lockstep.Server.Hosting.LockstepServer).Assembly.GetTypes()
            .Where(type => type is { IsAbstract: false } && type.IsSubclassOf(typeof(Microsoft.Extensions.Hosting.BackgroundService))).Select(type => type.Name);
        jobs.ShouldBe(Lines.SkipWhile(line => line != "## What runs by itself").TakeWhile(line => line != "## Where to add things")
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => Name().Match(line).Groups[1].Value), ignoreOrder: true);
    }

    private static IEnumerable<string[]> Rows(string room) => Lines
        .Where(line => line.StartsWith("| `" + room, StringComparison.Ordinal)).Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1]);

    [GeneratedRegex("`([A-Za-z/.]+)`")]
    private static partial Regex Name();
}
