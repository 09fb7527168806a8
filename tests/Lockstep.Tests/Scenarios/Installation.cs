using System.Text;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;

namespace Lockstep.Tests.Scenarios;

/// <summary>A data directory of its own, which a test starts the program on, kills it on and looks into.</summary>
internal sealed class Installation : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-scenario-");
    private readonly List<LockstepProcess> programs = [];

    // The server's own user passes through.
    public Installation() => File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_001_001);

    /// <summary>Does not exist before the first start.</summary>
    public string Data => Path.Combine(folder.FullName, "data");

    /// <summary>Beside the data directory, for what a test needs there.</summary>
    public string Folder => folder.FullName;

    /// <summary>Settings of the programs that are started from now on.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public string MasterKeys => Path.Combine(Data, "master-keys");

    public async Task<LockstepProcess> ServeAsync(params string[] more)
    {
        var program = await LockstepProcess.ServeAsync(Environment, ["--urls", "http://127.0.0.1:0", "--data-dir", Data, .. more]);
        programs.Add(program);
        return program;
    }

    public Task<LockstepProcess> RunAsync(params string[] arguments) => RunWithAsync(null, arguments);

    /// <param name="input">What the command finds on standard input.</param>
    public async Task<LockstepProcess> RunWithAsync(string? input, params string[] arguments)
    {
        var program = await LockstepProcess.RunAsync(Environment, input, arguments);
        programs.Add(program);
        return program;
    }

    public async Task<string> TokenAsync(string user)
    {
        var command = await RunAsync("token", "--user", user, "--data-dir", Data);
        (await command.Ended).ShouldBe(0, command.Errors);
        return command.Output.Trim();
    }

    /// <summary>The database that the running program keeps, as its superuser.</summary>
    public EmbeddedConnection Database => EmbeddedPostgres.FindRunning(Data).ShouldNotBeNull();

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until no process names this installation: neither the program nor PostgreSQL nor a child of either.</summary>
    public Task NothingRunsAsync() => LockstepProcess.EventuallyAsync(() => !CommandLines().Any(), "nothing is left running");

    public async ValueTask DisposeAsync()
    {
        foreach (var program in programs)
            await program.DisposeAsync();
        await NothingRunsAsync();
        folder.Delete(recursive: true);
    }

    private IEnumerable<string> CommandLines() => Directory.EnumerateDirectories("/proc").Select(CommandLine)
        .Where(line => line.Contains(folder.FullName, StringComparison.Ordinal));

    private static string CommandLine(string process)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(process, "cmdline")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // It ended meanwhile, or is no process.
        }
    }
}
