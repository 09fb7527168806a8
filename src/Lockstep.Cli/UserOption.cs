using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;

namespace Lockstep.Cli;

/// <summary>Which user a command of the operator's is about.</summary>
internal static class UserOption
{
    public const string Description = "The user's id; or an e-mail address or other subject, where this installation signs the tokens";

    /// <param name="text">An id; anything else is the subject of a token that 'lockstep token' would print.</param>
    /// <exception cref="StartRefusedException">It is no id, and no token secret is here.</exception>
    public static UserId Resolve(string text, string? dataDirectory)
    {
        if (Guid.TryParseExact(text, "D", out var id))
            return new UserId(id);
        var jwt = Settings.LoadTokenSettings(dataDirectory, Environment.GetEnvironmentVariable);
        return new UserId(SubjectId.Derive(jwt.Issuer ?? "", text));
    }

    /// <summary>E-mail addresses are labels, not identities: for users of an identity provider the id has to be looked up.</summary>
    public static string Unknown(string text) => Guid.TryParseExact(text, "D", out _)
        ? $"There is no user {text}."
        : $"There is no user {text} whose tokens this installation signs. Look the id up: SELECT id, email FROM auth.users WHERE email = '...'.";
}
