using Lockstep.Server.Postgres.Embedded;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Postgres.Embedded;

public sealed class WrongPlaceTests : IDisposable
{
    private const UnixFileMode Program = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _data = Directory.CreateTempSubdirectory("lockstep-wrong-").FullName;

    public WrongPlaceTests() => File.SetUnixFileMode(_data, Program);

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_data_directory_that_is_a_file_is_named()
    {
        var file = Path.Combine(_data, "file");
        await File.WriteAllTextAsync(file, "");

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(new EmbeddedOptions(file), None));

        refused.Message.ShouldContain(file);
        refused.Message.ShouldContain("--data-dir");
    }

    [Fact]
    public async Task A_data_directory_on_a_read_only_file_system_is_named()
    {
        // Nobody may make a directory in /proc, root included.
        const string Path = "/proc/lockstep";

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(new EmbeddedOptions(Path), None));

        refused.Message.ShouldContain(Path);
        refused.Message.ShouldContain("--data-dir");
    }

    [Fact]
    public async Task An_old_server_is_refused_with_what_to_do()
    {
        var bin = await FakeBinariesAsync("postgres (PostgreSQL) 13.16", "exit 0");

        var found = (await PostgresBinaries.InspectAsync(bin, None)).ShouldNotBeNull();
        var refused = Should.Throw<EmbeddedPostgresException>(found.RequireUsable);

        refused.Message.ShouldContain("PostgreSQL 13");
        refused.Message.ShouldContain(bin);
        refused.Message.ShouldContain("--database");
    }

    [Fact]
    public async Task A_full_disk_is_called_that_and_leaves_no_half_cluster()
    {
        var bin = await FakeBinariesAsync("postgres (PostgreSQL) 18.4", "echo 'initdb: error: could not write: No space left on device' >&2; exit 1");
        var binaries = (await PostgresBinaries.InspectAsync(bin, None)).ShouldNotBeNull();

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(
            () => EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data) { Binaries = binaries }, None));

        refused.Message.ShouldContain("The disk is full");
        Directory.EnumerateDirectories(Path.Combine(_data, "postgres"), "data*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_that_dies_at_once_is_reported_with_its_last_words()
    {
        var bin = await FakeBinariesAsync("postgres (PostgreSQL) 18.4", "exit 0");
        var binaries = (await PostgresBinaries.InspectAsync(bin, None)).ShouldNotBeNull();

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(
            () => EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data) { Binaries = binaries }, None));

        refused.Message.ShouldContain("did not start");
        refused.Message.ShouldContain("postgres (PostgreSQL) 18.4");
    }

    private async Task<string> FakeBinariesAsync(string version, string initdb)
    {
        var bin = Path.Combine(_data, "bin");
        Directory.CreateDirectory(bin, Program);
        foreach (var (name, script) in new[] { ("postgres", $"echo '{version}'"), ("initdb", initdb) })
        {
            var path = Path.Combine(bin, name);
            await File.WriteAllTextAsync(path, $"#!/bin/sh\n{script}\n");
            File.SetUnixFileMode(path, Program);
        }
        return bin;
    }
}
