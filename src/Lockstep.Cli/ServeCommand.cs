using System.CommandLine;
using System.Diagnostics;
using Lockstep.Server;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary><c>lockstep serve</c></summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var urls = new Option<string?>("--urls")
        {
            Description = $"Where to listen, several separated by ';' (default {ServeOptions.DefaultUrl}). Also LOCKSTEP_URLS",
            HelpName = "URL",
        };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("serve", "Start the server, with its own database unless --database names one.\n\nExample:\n  lockstep serve --urls http://127.0.0.1:5080")
        {
            urls, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(stop => Serve(
            new ServeOptions(parsed.GetValue(urls), parsed.GetValue(directory), parsed.GetValue(database)), stop)));
        return command;
    }

    private static async Task<int> Serve(ServeOptions options, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        foreach (var (_, what) in SettingNames.Unknown(Terminal.EnvironmentNames()))
            Terminal.Note($"warning: {what}");
        var settings = Settings.Load(options, Environment.GetEnvironmentVariable);
        if (settings.SecretReplaced)
            Terminal.Note($"warning: there was no {DataDirectoryFiles.JwtSecretFile} in {settings.DataDirectory}, so another was made: tokens signed with the former one are refused. Put that back if you have it.");
        await using var server = await LockstepServer.Start(settings, Environment.GetEnvironmentVariable, Terminal.Note, stop);
        Welcome(server, settings, options, clock.Elapsed);
        if (await server.Run(stop))
        {
            Terminal.Note("Stopping: finishing what is under way ...");
            return ExitCode.Done;
        }
        throw new StartRefusedException(
            $"The embedded PostgreSQL ended by itself; its log is {server.Database.Embedded!.LogPath}. Nothing that was acknowledged is lost: start again.");
    }

    private static void Welcome(LockstepServer server, Settings settings, ServeOptions options, TimeSpan took)
    {
        var url = server.Urls[0];
        var elsewhere = options.DataDirectory is { } directory ? $" --data-dir {directory}" : "";
        Console.WriteLine($"Lockstep is ready at {url} (after {took.TotalSeconds:0.0} s)");
        Console.WriteLine(settings.Database is { } given
            ? $"  database   {given.Migrator.Host}:{given.Migrator.Port}/{given.Migrator.Database}"
            : $"  data       {settings.DataDirectory} (PostgreSQL {server.Database.Embedded!.MajorVersion},{(settings.Keys is null ? "" : " master key,")} token secret)");
        if (settings is { Keys: null, KeyProviders: { Transit: null, Pkcs11: null } })
        {
            Console.WriteLine("  vault      LOCKED: there is no master key, so no credential can be stored or read.");
            Console.WriteLine(settings.Database is null
                ? $"             Put {DataDirectoryFiles.MasterKeysFile} back into {settings.DataDirectory}, or set LOCKSTEP_MASTER_KEYS, and start again."
                : "             Set LOCKSTEP_MASTER_KEYS (docs/operations.md says how to make one) and start again.");
        }
        Console.WriteLine($"  console    {url}/console (make an account for it: ./lockstep user create you@example.com{elsewhere})");
        Console.WriteLine();
        Console.WriteLine("Try:");
        Console.WriteLine($"  TOKEN=$(./lockstep token --user you@example.com{elsewhere})");
        Console.WriteLine($"  curl -s {url}/v1/credentials -H \"Authorization: Bearer $TOKEN\"");
        Console.WriteLine();
    }
}
