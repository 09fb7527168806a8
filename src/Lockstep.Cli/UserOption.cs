using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;

namespace Lockstep.Cli;

/// <summary>Which user a command of the operator's is about.</summary>
internal static class UserOption
{
    public const string Description = "The user's id; or the e-mail address of a local account; or the e-mail address or other subject of 'lockstep token', where this installation signs the tokens";

    /// <param name="text">An id; anything else is the address of a local account, or the subject of a token that 'lockstep token' would print.</param>
    /// <exception cref="StartRefusedException">It is no id, and no token secret is here; or it is two users: nobody is revoked or deleted by a guess.</exception>
    public static async Task<UserId> Resolve(string text, string? dataDirectory, Database database, CancellationToken ct)
    {
        if (Guid.TryParseExact(text, "D", out var id))
            return new UserId(id);
        var account = await new LocalAccounts(database).Find(text, ct);
        var named = account is null || HasSecret(dataDirectory) ? Named(text, dataDirectory) : (UserId?)null;
        if (account is not { } local || named is not { } subject)
            return named ?? account!.Value;
        var both = await database.For(Caller.Worker(subject)).Query(new Statement("SELECT 1 FROM auth.users WHERE id = $1", subject.Value), row => row.GetInt32(0), ct);
        return both.Count == 0 ? local : throw new StartRefusedException(
            $"Two users have the address {text}: the local account {local}, and {subject}, whom the tokens of 'lockstep token --user {text}' name. Say which one by its id. Nothing was done.")
        { Misused = true };
    }

    /// <summary>Whom a token that this installation signs for the subject names.</summary>
    public static UserId Named(string subject, string? dataDirectory) =>
        new(SubjectId.Derive(Settings.LoadTokenSettings(dataDirectory, Environment.GetEnvironmentVariable).Issuer ?? "", subject));

    private static bool HasSecret(string? dataDirectory)
    {
        try
        {
            return Settings.LoadTokenSettings(dataDirectory, Environment.GetEnvironmentVariable).Secret is not null;
        }
        catch (StartRefusedException)
        {
            return false;
        }
    }

    /// <summary>E-mail addresses are labels, not identities: for users of an identity provider the id has to be looked up.</summary>
    public static string Unknown(string text) => Guid.TryParseExact(text, "D", out _)
        ? $"There is no user {text}."
        : $"There is no user {text} whose tokens this installation signs. Look the id up: SELECT id, email FROM auth.users WHERE email = '...'.";
}
