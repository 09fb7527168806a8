using System.Diagnostics;
using System.Text;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Scenarios;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Documentation;

/// <summary>What the documentation says is so: its links lead somewhere, and its marked blocks run, in order, on a server as a reader has it.</summary>
public sealed class DocumentationTests(FakeCaldavServer fake, RadicaleServer radicale) : IClassFixture<FakeCaldavServer>, IClassFixture<RadicaleServer>
{
    private static readonly string Root = Repository.Root;

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public void Every_link_leads_to_a_file_and_a_heading_that_are_there()
    {
        var pages = Pages().ToDictionary(page => page.Path);
        var broken =
            from page in pages.Values
            from target in page.Targets
            where !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal)
            let parts = target.Split('#', 2)
            let path = parts[0].Length == 0 ? page.Path : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page.Path)!, parts[0]))
            where !(File.Exists(path) || Directory.Exists(path)) || (parts.Length == 2 && pages.TryGetValue(path, out var other) && !other.Anchors.Contains(parts[1]))
            select $"{Path.GetRelativePath(Root, page.Path)}: {target}";
        broken.ShouldBeEmpty();
    }

    [Fact]
    public void Every_page_is_in_the_index()
    {
        var index = MarkdownPage.Read(Path.Combine(Root, "docs", "README.md"));
        var linked = index.Targets.Select(target => Path.GetFullPath(Path.Combine(Root, "docs", target))).ToHashSet();
        Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Where(path => path != index.Path).ShouldBeSubsetOf(linked);
    }

    [Fact]
    public async Task Every_marked_block_does_what_its_page_says()
    {
        await radicale.As("alice").MakeCalendarAsync("docs", Ct, "Work");
        fake.Answer("/feed.ics", _ => Feed());
        fake.Answer("/feed.ics?key=only-you-know", _ => Feed());
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = $"{fake.Url.Authority},{radicale.HostPort}";
        installation.Environment["LOCKSTEP_CONNECT_RETURN"] = "https://app.example.com";
        var server = await installation.ServeAsync();
        var ran = 0;
        foreach (var page in Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Order(StringComparer.Ordinal).Select(MarkdownPage.Read))
        {
            if (page.Blocks.Where(block => block.IsBash).ToList() is { Count: > 0 } scripts)
                await BashAsync(page, scripts, installation, server.Url);
            foreach (var block in page.Blocks.Where(block => block.IsSql))
                await SqlAsync(page, block, installation);
            ran += page.Blocks.Count(block => block.IsBash || block.IsSql);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{ran} blocks");
        ran.ShouldBeGreaterThan(20);
    }

    private static IEnumerable<MarkdownPage> Pages() =>
        Directory.GetFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories).Concat(Directory.GetFiles(Root, "*.md"))
            .Concat([Path.Combine(Root, "clients", "typescript", "README.md")]).Select(MarkdownPage.Read);

    /// <summary>One shell a page, as a reader has one: variables live on.</summary>
    private async Task BashAsync(MarkdownPage page, List<MarkdownPage.Block> blocks, Installation installation, Uri server)
    {
        var folder = Directory.CreateDirectory(Path.Combine(installation.Folder, Path.GetFileNameWithoutExtension(page.Path)));
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, ".lockstep"), installation.Data);
        var script = new StringBuilder("set -euo pipefail\n");
        foreach (var (block, i) in blocks.Select((block, i) => (block, i)))
            script.Append("echo '=== ").Append(i).Append("'\n").Append(block.Code).Append('\n');
        var dotnet = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        var prelude = $"lockstep() {{ \"{dotnet}\" \"{Path.Combine(AppContext.BaseDirectory, "lockstep.dll")}\" \"$@\"; }}\n";
        var info = new ProcessStartInfo("bash", ["-c", prelude + script]) { WorkingDirectory = folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in installation.Environment)
            info.Environment[name] = value;
        info.Environment["LOCKSTEP_URL"] = server.ToString().TrimEnd('/');
        info.Environment["LOCKSTEP_DATA"] = installation.Data;
        info.Environment["CALDAV_URL"] = new Uri(radicale.Url, "/alice/").ToString();
        info.Environment["CALDAV_USER"] = "alice";
        info.Environment["CALDAV_PASSWORD"] = "alicepw";
        info.Environment["FEED_URL"] = fake.At("/feed.ics").ToString();
        using var bash = Process.Start(info)!;
        var errors = bash.StandardError.ReadToEndAsync(Ct);
        var output = await bash.StandardOutput.ReadToEndAsync(Ct);
        await bash.WaitForExitAsync(Ct);
        var file = Path.GetFileName(page.Path);
        var all = output + await errors;
        bash.ExitCode.ShouldBe(0, $"{file}\n{all}");
        foreach (var block in blocks)
            foreach (var promise in block.Promises)
                all.ShouldContain(promise, Case.Sensitive, $"{file}, block of line {block.Line}\n{all}");
    }

    private static async Task SqlAsync(MarkdownPage page, MarkdownPage.Block block, Installation installation)
    {
        await using var connection = new NpgsqlConnection(installation.Database.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await connection.OpenAsync();
        var where = $"{Path.GetFileName(page.Path)}, block of line {block.Line}";
#pragma warning disable CA2100 // Of the documentation.
        await using var command = new NpgsqlCommand((block.Role is { } role ? $"SET ROLE {role};\n" : "") + block.Code, connection);
#pragma warning restore CA2100
        var failure = await Record.ExceptionAsync(() => command.ExecuteNonQueryAsync());
        if (block.Fails is { } state)
            failure.ShouldBeOfType<PostgresException>(where).SqlState.ShouldBe(state, where);
        else
            failure.ShouldBeNull(where);
    }

    private static FakeAnswer Feed() => new(
        200, Encoding.UTF8.GetBytes("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\nBEGIN:VEVENT\r\nUID:docs\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261201T100000Z\r\nSUMMARY:Fair\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"), "text/calendar");
}
