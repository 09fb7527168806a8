namespace Lockstep.Server.Postgres.Embedded;

/// <summary>Makes a cluster and says how its server is started.</summary>
internal static class Cluster
{
    /// <summary>initdb into a folder of another name, renamed when complete: an interrupted start leaves no half cluster.</summary>
    public static async Task CreateAsync(ClusterHome home, PostgresBinaries binaries, bool durable, CancellationToken ct)
    {
        foreach (var stale in Directory.EnumerateDirectories(home.Folder, "data.*")) DeleteStale(stale);
        var partial = $"{home.Data}.{Guid.CreateVersion7():n}";
        home.User.CreatePrivateDirectory(partial);

        var result = await InitDbAsync(home, binaries, partial, "C.UTF-8", ct);
        if (!result.Succeeded && result.Output.Contains("invalid locale", StringComparison.Ordinal))
            result = await InitDbAsync(home, binaries, partial, "C", ct);
        if (!result.Succeeded)
        {
            Directory.Delete(partial, recursive: true);
            throw StartFailure.Explain($"PostgreSQL {binaries.MajorVersion} could not make its database in {home.Folder}", result.Tail.Split('\n'));
        }
        if (durable) await SyncAsync(home, binaries, partial, ct);
        Directory.Move(partial, home.Data);
    }

    /// <summary>The server's command line. What keeps the cluster private and its log free of secrets stands last, where nothing overrides
    /// it; what an operator may want to tune stays in <c>data/postgresql.conf</c>.</summary>
    public static IEnumerable<string> CommandLine(ClusterHome home, PostgresBinaries binaries, string socketDirectory, int port, EmbeddedOptions options)
    {
        List<(string Name, string Value)> settings = [("max_connections", "200")];
        if (!options.Durable) settings.AddRange([("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")]);
        settings.AddRange(options.Settings.Select(s => (s.Key, s.Value)));
        settings.AddRange(
        [
            ("listen_addresses", ""),
            ("port", port.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            ("unix_socket_directories", socketDirectory),
            ("unix_socket_permissions", "0700"),
            ("hba_file", home.Hba),
            ("ident_file", home.Ident),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("lc_messages", "C"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            ("log_line_prefix", "%m [%p] %q%u@%d "),
            ("log_statement", "none"),
            ("log_min_duration_statement", "-1"),
            ("log_min_error_statement", "panic"),
            ("log_parameter_max_length", "0"),
            ("log_parameter_max_length_on_error", "0"),
            ("log_error_verbosity", "terse"),
        ]);
        return [binaries.Postgres, "-D", home.Data, .. settings.SelectMany(s => (string[])["-c", $"{s.Name}={s.Value}"])];
    }

    private static Task<CommandResult> InitDbAsync(
        ClusterHome home, PostgresBinaries binaries, string directory, string locale, CancellationToken ct)
    {
        string[] commandLine =
        [
            binaries.InitDb, "-D", directory, "-U", EmbeddedConnection.Superuser, "-E", "UTF8", $"--locale={locale}",
            "--auth-local=peer", "--auth-host=reject", "--no-sync",
        ];
        return Command.RunAsync(Command.PrepareClean(home.User.Run(commandLine)), ct);
    }

    /// <summary>One syncfs(2) where there is one: initdb itself calls fsync on a thousand files, which takes seconds on a slow disk.</summary>
    private static async Task SyncAsync(ClusterHome home, PostgresBinaries binaries, string directory, CancellationToken ct)
    {
        var quick = await Command.RunAsync(Command.PrepareClean(["sync", "-f", directory]), ct);
        if (quick.Succeeded) return;
        var slow = await Command.RunAsync(Command.PrepareClean(home.User.Run([binaries.InitDb, "--sync-only", "-D", directory])), ct);
        if (!slow.Succeeded) throw StartFailure.Explain($"The new database in {home.Folder} could not be written to disk", slow.Tail.Split('\n'));
    }

    private static void DeleteStale(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (IOException)
        {
            // The initdb of a killed program is still writing to it: the next start removes it.
        }
    }
}
