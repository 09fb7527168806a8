using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Cli.Credentials;
using Lockstep.Server.Hosting;
using Lockstep.Server.Tenancy;

namespace Lockstep.Cli;

/// <summary><c>lockstep user</c>: local accounts, their forgotten passwords, and deleting a user.</summary>
internal static class UserCommand
{
    /// <summary>None that is taken for another when it is read out.</summary>
    private const string Letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    public static Command Create() => new("user", "Local accounts that sign in with a password, new passwords for them, and deleting users.")
    {
        CreateAccount(), ResetPassword(), Delete(),
    };

    private static Command CreateAccount()
    {
        var email = new Argument<string>("email") { Description = "The address to sign in with" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command("create", "Make a local account, a user of its own; the password is read from standard input.\n\nIt signs in at /console and POST /v1/sign-in. Whom 'lockstep token --user' names is another user, under the same address too.\n\nExample:\n  lockstep user create you@example.com < password.txt")
        {
            email, directory, database, json,
        };
        command.SetAction(parsed => WithDatabase(parsed.GetValue(directory), parsed.GetValue(database), async (started, ct) =>
        {
            var password = await ReadPassword("Password", ct);
            switch (await new LocalAccounts(started.Database).Create(parsed.GetValue(email)!, password, ct))
            {
                case AccountOutcome.Created(var user):
                    Terminal.Say(parsed.GetValue(json), user.ToString(), new { id = user.Value });
                    return ExitCode.Done;
                case AccountOutcome.Refused(var why, var isNoAddress):
                    Terminal.Error(why);
                    return isNoAddress ? ExitCode.Usage : ExitCode.Failed;
                default:
                    return ExitCode.Failed;
            }
        }));
        return command;
    }

    private static Command ResetPassword()
    {
        var email = new Argument<string>("email") { Description = "The address that the account signs in with" };
        var temporary = new Option<bool>("--temporary") { Description = "Make a password and print it, to be handed over; instead of reading one" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command(
            "reset-password",
            """
            Set another password for a local account whose password was forgotten; it is read from standard input.

            All its sessions of the console end, and its activity says PASSWORD_RESET. Its API tokens stay; tokens of POST /v1/sign-in that
            are out end within the hour.

            Example:
              lockstep user reset-password you@example.com < password.txt
            """)
        {
            email, temporary, directory, database, json,
        };
        command.SetAction(parsed => WithDatabase(parsed.GetValue(directory), parsed.GetValue(database), async (started, ct) =>
        {
            var made = parsed.GetValue(temporary) ? RandomNumberGenerator.GetString(Letters, 20) : null;
            var password = made ?? await ReadPassword("New password", ct);
            switch (await new LocalAccounts(started.Database).Reset(parsed.GetValue(email)!, password, "operator", ct))
            {
                case AccountOutcome.Reset(var user, var sessions):
                    Terminal.Note($"The password of {parsed.GetValue(email)} is another one; {sessions} sessions of the console have ended.");
                    Terminal.Say(parsed.GetValue(json), made ?? user.ToString(), new { id = user.Value, sessionsEnded = sessions, password = made });
                    return ExitCode.Done;
                case AccountOutcome.Refused(var why, _):
                    Terminal.Error($"{why} Nothing was changed.");
                    return ExitCode.Failed;
                default:
                    return ExitCode.Failed;
            }
        }));
        return command;
    }

    private static async Task<string> ReadPassword(string what, CancellationToken ct) =>
        Console.IsInputRedirected ? await Console.In.ReadLineAsync(ct) ?? "" : Encoding.UTF8.GetString(ValueInput.Ask(what));

    private static Command Delete()
    {
        var user = new Argument<string>("id") { Description = UserOption.Description };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var yes = new Option<bool>("--yes") { Description = "Do not ask" };
        var command = new Command("delete", "Delete a user and everything the user owns, data keys too. It cannot be undone; the audit keeps the ids.\n\nExample:\n  lockstep user delete 0192f0c1-7d5e-7c3a-9a44-3f1c5b6a7d8e --yes")
        {
            user, yes, directory, database, json,
        };
        command.SetAction(parsed => WithDatabase(parsed.GetValue(directory), parsed.GetValue(database), async (started, ct) =>
        {
            var id = (await UserOption.Resolve(parsed.GetValue(user)!, parsed.GetValue(directory), started.Database, ct)).Value;
            if (!parsed.GetValue(yes) && !Terminal.Confirmed($"user:{id}"))
                return ExitCode.Failed;
            var answer = await WorkspaceDirectory.DeleteUser(started.Database.For(Caller.Service), id, ct);
            if (answer == "deleted")
            {
                Terminal.Say(parsed.GetValue(json), $"Deleted {id}.", new { deleted = id });
                return ExitCode.Done;
            }
            Terminal.Error(answer == "last_owner"
                ? "This user is the only owner of a workspace that others are in. Make another member its owner first."
                : UserOption.Unknown(parsed.GetValue(user)!));
            return ExitCode.Failed;
        }));
        return command;
    }

    private static Task<int> WithDatabase(string? directory, string? database, Func<StartedDatabase, CancellationToken, Task<int>> work) =>
        Terminal.Run(async stop =>
        {
            var settings = Settings.LoadBeside(new ServeOptions(null, directory, database), Environment.GetEnvironmentVariable);
            // An embedded database belongs to the server that runs on it; one of the operator's own is brought up to date first.
            await using var started = settings.Database is null
                ? await DatabaseStart.Attach(settings, Terminal.Note, stop)
                : await DatabaseStart.Start(settings, Terminal.Note, stop);
            return await work(started, stop);
        });
}
