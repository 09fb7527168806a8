using System.CommandLine;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary><c>lockstep sql-vault</c>: looking after the secrets of the SQL functions (docs/sql-vault.md).</summary>
internal static class SqlVaultCommand
{
    public static Command Create() => new("sql-vault", "Look after the secrets of the functions vault.store_credential and so on; see docs/sql-vault.md.")
    {
        Status(), Rekey("rekey"), Gaps(),
    };

    private static Command Rekey(string name)
    {
        var newKey = new Option<bool>("--new-key") { Description = "Make a new key first, in front of the others; with the embedded database's key file only" };
        var prune = new Option<bool>("--prune") { Description = "Take the former keys out of the embedded database's key file, once nothing is sealed by them" };
        var to = new Option<string?>("--to") { Description = "Where the newest key is looked for: file or setting (default: the file's, else the setting's)" };
        to.AcceptOnlyFromAmong("file", "setting");
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command(
            name,
            """
            Seal every secret of the SQL vault with the newest root key. Ids and versions stay; no value leaves the database. It may be stopped
            and run again, and goes on while others read and write.

            Keys come from the file of lockstep.root_key() and from LOCKSTEP_SQL_VAULT_KEY, newest first; the former ones must be there too.
            Exit code 0: all are sealed with it. 1: the secrets that are named could not be opened.

            Example:
              lockstep sql-vault rekey --new-key --prune
            """)
        {
            newKey, prune, to, json, directory, database,
        };
        command.SetAction(parsed => With(parsed.GetValue(directory), parsed.GetValue(database), parsed.GetValue(json), (vault, ct) =>
            vault.Rekey(parsed.GetValue(to), parsed.GetValue(newKey), parsed.GetValue(prune), ct)));
        return command;
    }

    /// <summary><c>lockstep rekey --sql</c>: the same under the name of the other one.</summary>
    public static Task<int> Rekey(string? directory, string? database, string? to, bool dryRun, bool json) =>
        With(directory, database, json, (vault, ct) => dryRun ? vault.Status(ct) : vault.Rekey(to, newKey: false, prune: false, ct));

    private static Command Status()
    {
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command("status", "How many secrets there are, by the fingerprint of their key, and which keys are at hand.\n\nExample:\n  lockstep sql-vault status") { json, directory, database };
        command.SetAction(parsed => With(parsed.GetValue(directory), parsed.GetValue(database), parsed.GetValue(json), (vault, ct) => vault.Status(ct)));
        return command;
    }

    private static Command Gaps()
    {
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command(
            "gaps",
            """
            List the numbers of retrieves that have no row in vault.vault_access_log.

            Their transaction rolled back or is under way, the server crashed (up to 32 numbers), or a superuser deleted rows. The lines
            "vault access" of the server's log tell which. Exit code 5 when there are any.

            Example:
              lockstep sql-vault gaps
            """)
        {
            json, directory, database,
        };
        command.SetAction(parsed => With(parsed.GetValue(directory), parsed.GetValue(database), parsed.GetValue(json), (vault, ct) => vault.Gaps(ct)));
        return command;
    }

    private static Task<int> With(string? directory, string? database, bool json, Func<SqlVaultMaintenance, CancellationToken, Task<int>> work) => Terminal.Run(async stop =>
    {
        var settings = Settings.LoadBeside(new ServeOptions(null, directory, database), Environment.GetEnvironmentVariable);
        await using var maintenance = await MaintenanceConnection.Open(settings, Terminal.Note, stop);
        await maintenance.As(owner: true, stop);
        return await work(new SqlVaultMaintenance(maintenance, settings, json), stop);
    });
}
