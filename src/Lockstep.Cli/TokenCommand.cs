using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Server.Hosting;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;

namespace Lockstep.Cli;

/// <summary><c>lockstep token</c>: a token signed with this installation's secret.</summary>
internal static partial class TokenCommand
{
    private static readonly Duration Longest = Duration.FromDays(365);

    public static Command Create()
    {
        var user = new Option<string?>("--user") { Description = "Whose token: an e-mail address, or any other subject", HelpName = "EMAIL", Required = true };
        var role = new Option<string>("--role") { Description = "authenticated (a user), or service_role (your own backend)", DefaultValueFactory = _ => "authenticated" };
        role.AcceptOnlyFromAmong("authenticated", "service_role");
        var ttl = new Option<string>("--ttl") { Description = "How long it is valid: 90s, 15m, 1h, 30d", HelpName = "TIME", DefaultValueFactory = _ => "1h" };
        var directory = SharedOptions.DataDirectory();
        var json = SharedOptions.Json();
        var command = new Command("token", "Print a JWT for a user; the user exists from its first request on.\n\nExample:\n  TOKEN=$(lockstep token --user you@example.com)")
        {
            user, role, ttl, directory, json,
        };
        command.SetAction(parsed => Terminal.Run(_ => Task.FromResult(
            Print(parsed.GetValue(user)!, parsed.GetValue(role)!, parsed.GetValue(ttl)!, parsed.GetValue(directory), parsed.GetValue(json)))));
        return command;
    }

    private static int Print(string user, string role, string ttl, string? directory, bool json)
    {
        if (Parse(ttl) is not { } duration)
        {
            Terminal.Error($"--ttl {ttl} is not a time from 1s to 365d. Write 90s, 15m, 1h or 30d.");
            return ExitCode.Usage;
        }
        if (user.Length is 0 or > JwtClaims.MaximumSubjectLength)
        {
            Terminal.Error($"--user names nobody: give an e-mail address, or another subject of 1 to {JwtClaims.MaximumSubjectLength} characters.");
            return ExitCode.Usage;
        }
        var jwt = Settings.LoadTokenSettings(directory, Environment.GetEnvironmentVariable);
        // The operator who holds the secret vouches for the address.
        var email = user.Contains('@', StringComparison.Ordinal) ? user : null;
        var expires = SystemClock.Instance.GetCurrentInstant() + duration;
        var token = new JwtIssuer(jwt, TimeProvider.System).Issue(user, email, role, duration, emailVerified: email is not null);
        Terminal.Say(json, token, new { token, role, expiresAt = expires });
        return ExitCode.Done;
    }

    private static Duration? Parse(string text)
    {
        if (Time().Match(text) is not { Success: true } match || !int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var number))
            return null;
        var duration = match.Groups[2].Value switch
        {
            "s" => Duration.FromSeconds(number),
            "m" => Duration.FromMinutes(number),
            "h" => Duration.FromHours(number),
            _ => Duration.FromDays(number),
        };
        return duration >= Duration.FromSeconds(1) && duration <= Longest ? duration : null;
    }

    [GeneratedRegex("^([0-9]{1,8})([smhd])$")]
    private static partial Regex Time();
}
