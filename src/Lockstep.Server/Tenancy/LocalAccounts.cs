using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Identity;

namespace Lockstep.Server.Tenancy;

/// <summary>What became of making an account.</summary>
internal abstract record AccountOutcome
{
    private AccountOutcome() { }

    public sealed record Created(UserId User) : AccountOutcome;

    /// <param name="Sessions">Of the console, which it has ended.</param>
    public sealed record Reset(UserId User, int Sessions) : AccountOutcome;

    /// <param name="Why">A sentence for the person who asked.</param>
    /// <param name="IsNoAddress">What was given as an address is none: nothing was looked for.</param>
    public sealed record Refused(string Why, bool IsNoAddress = false) : AccountOutcome;
}

/// <summary>Who signed in, and with which hash of the password.</summary>
internal sealed record LocalSignIn(UserId User, string Email, string Hash);

/// <summary>Sign-in with e-mail and password, for installations without an identity provider.</summary>
internal sealed class LocalAccounts(Database database)
{
    public const int ShortestPassword = 10;
    public const int LongestPassword = 256;

    /// <summary>PBKDF2 with HMAC-SHA512, 100,000 rounds (format V3 of ASP.NET Core).</summary>
    private static readonly PasswordHasher<LocalAccounts> Hasher = new();

    /// <summary>Checked when nobody has the address, so that both answers take as long.</summary>
    private static readonly string Nobody = Hasher.HashPassword(null!, "nobody's password");

    public async Task<AccountOutcome> Create(string email, string password, CancellationToken ct)
    {
        if (email.Length is < 3 or > 254 || !email.Contains('@', StringComparison.Ordinal) || email.Any(char.IsWhiteSpace) || email.Contains('\0', StringComparison.Ordinal))
            return new AccountOutcome.Refused("That is not an e-mail address.", IsNoAddress: true);
        if (Unfit(password) is { } unfit)
            return unfit;
        var user = new UserId(Guid.CreateVersion7());
        var answer = await database.For(Caller.Service).Query(
            new Statement("SELECT lockstep.create_account($1, $2, $3)", user.Value, email, Hasher.HashPassword(this, password)),
            row => row.GetString(0),
            ct);
        return answer.Single() == "created"
            ? new AccountOutcome.Created(user)
            : new AccountOutcome.Refused("There is an account with this e-mail address already.");
    }

    /// <summary>Another password, and nobody is signed in to the console with the former one any more.</summary>
    /// <param name="actor">For the audit.</param>
    public async Task<AccountOutcome> Reset(string email, string password, string actor, CancellationToken ct)
    {
        if (Unfit(password) is { } unfit)
            return unfit;
        var reset = await database.For(Caller.Service with { Actor = actor }).Query(
            new Statement("SELECT r.user_id, r.sessions FROM lockstep.reset_password($1, $2) r", email, Hasher.HashPassword(this, password)),
            row => new AccountOutcome.Reset(new UserId(row.GetGuid(0)), row.GetInt32(1)),
            ct);
        return reset is [var done] ? done
            : new AccountOutcome.Refused($"No local account signs in as {email}. Who comes with an identity provider has the password there; 'lockstep user create' makes an account.");
    }

    /// <summary>Whose account has the address, for the operator's commands; null: nobody's.</summary>
    public async Task<UserId?> Find(string email, CancellationToken ct) => (await Row(email, ct))?.User;

    /// <returns>Null for an unknown address and for a wrong password alike.</returns>
    public async Task<LocalSignIn?> SignIn(string email, string password, CancellationToken ct)
    {
        var found = await Row(email, ct);
        var verdict = Hasher.VerifyHashedPassword(this, found?.Hash ?? Nobody, password);
        return found is { } account && verdict != PasswordVerificationResult.Failed ? new LocalSignIn(account.User, email, account.Hash) : null;
    }

    /// <summary>Whether the password is still the one that was checked. Asked once the session is open: a reset in between did not see it.</summary>
    public async Task<bool> IsStill(LocalSignIn checkedOne, CancellationToken ct) => (await Row(checkedOne.Email, ct))?.Hash == checkedOne.Hash;

    private static AccountOutcome.Refused? Unfit(string password) => password.Length is >= ShortestPassword and <= LongestPassword
        ? null
        : new AccountOutcome.Refused($"A password has {ShortestPassword} to {LongestPassword} characters.");

    private async Task<(UserId User, string Hash)?> Row(string email, CancellationToken ct) =>
        (await database.For(Caller.Service).Query(
            new Statement("SELECT user_id, password_hash FROM lockstep.find_account($1)", email),
            row => (User: new UserId(row.GetGuid(0)), Hash: row.GetString(1)),
            ct)).Cast<(UserId User, string Hash)?>().SingleOrDefault();
}
