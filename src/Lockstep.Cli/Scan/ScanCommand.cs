using System.CommandLine;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary><c>lockstep scan</c></summary>
internal static class ScanCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("FILE") { Description = "Files, JSON or any text; - reads standard input", Arity = ArgumentArity.ZeroOrMore };
        var tables = new Option<bool>("--tables") { Description = "Look through the tables of the database instead, as the login of --database" };
        var schemas = new Option<string[]>("--schema") { Description = "Which schemas --tables looks through (default lockstep)", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["lockstep"] };
        var json = new Option<bool>("--json") { Description = "One JSON line a finding: place, kind" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "scan",
            """
            Look for plaintext secrets: keys of known providers, private keys, tokens, and random values under names that say secret.

            Prints where, and of which kind; never the value. What --tables prints are table, row, column and path.
            Exit code 0: nothing found. 5: something found. 1: a file or the database cannot be read. 3: the login may not read the tables.

            Example:
              lockstep scan config.json .env
              config.json: smtp.password: generic secret
            """)
        {
            files, tables, schemas, json, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            void Tell(string place, string kind) => Terminal.Say(parsed.GetValue(json), $"{place}: {kind}", new { place, kind });
            var named = parsed.GetValue(files)!;
            if (named.Length > 0 == parsed.GetValue(tables))
            {
                Terminal.Error("Say what to look through: files, or --tables.");
                return ExitCode.Usage;
            }
            if (named.Length > 0)
                return await FileScan.Run(named, Tell, stop);
            var settings = Settings.LoadBeside(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
            await using var maintenance = await MaintenanceConnection.Open(settings, Terminal.Note, stop);
            return await TableScan.Run(maintenance, parsed.GetValue(schemas)!, Tell, stop);
        }));
        return command;
    }
}
