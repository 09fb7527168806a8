using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lockstep.Cli.Credentials;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Cli;

/// <summary><c>lockstep api-token</c>: tokens of services, made, listed and revoked at a running server.</summary>
internal static class ApiTokenCommand
{
    public static Command Create() => new("api-token", "Make, list and revoke the API tokens of services, at a running server.")
    {
        CreateToken(), List(), Revoke(),
    };

    private static Command CreateToken()
    {
        var name = new Argument<string>("name") { Description = "What uses it" };
        var scopes = new Option<string[]>("--scope") { Description = "What it may do, such as credentials:reveal; several times", HelpName = "SCOPE", Required = true };
        var workspace = new Option<Guid?>("--workspace") { Description = "Make it this workspace's instead of the user's", HelpName = "ID" };
        var expires = new Option<int?>("--expires-in-days") { Description = "After so many days it is refused; left out it does not expire", HelpName = "DAYS" };
        var credentials = new Option<Guid[]>("--credential") { Description = "Reaches this credential only; several times", HelpName = "ID" };
        var providers = new Option<string[]>("--provider") { Description = "Reaches credentials of this provider only; several times", HelpName = "NAME" };
        var json = SharedOptions.Json();
        var target = new Target();
        var command = new Command("create", "Make a token and print it: it is told this once.\n\nExample:\n  lockstep api-token create deploy --user you@example.com --scope credentials:reveal")
        {
            name, scopes, workspace, expires, credentials, providers, json, target.Server, target.User, target.Directory,
        };
        command.SetAction(parsed => Terminal.Run(async ct =>
        {
            var body = new JsonObject
            {
                ["name"] = parsed.GetValue(name),
                ["scopes"] = Texts(parsed.GetValue(scopes)),
                ["workspaceId"] = parsed.GetValue(workspace)?.ToString(),
                ["expiresAt"] = parsed.GetValue(expires) is { } days ? InstantPattern.General.Format(SystemClock.Instance.GetCurrentInstant() + Duration.FromDays(days)) : null,
                ["credentialIds"] = parsed.GetValue(credentials) is { Length: > 0 } ids ? Texts(ids.Select(id => id.ToString())) : null,
                ["providers"] = parsed.GetValue(providers) is { Length: > 0 } names ? Texts(names) : null,
            };
            var (exit, answer) = await target.Send(parsed, HttpMethod.Post, "/v1/api-tokens", body, ct);
            if (answer is not null)
            {
                Console.WriteLine(parsed.GetValue(json) ? answer.ToJsonString() : answer["token"]!.GetValue<string>());
                Terminal.Note($"This is the only time it is shown. To revoke it: lockstep api-token revoke {answer["apiToken"]!["id"]!.GetValue<string>()}");
            }
            return exit;
        }));
        return command;
    }

    private static Command List()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON, one token a line" };
        var target = new Target();
        var command = new Command("list", "List your tokens and those of workspaces you administer.\n\nExample:\n  lockstep api-token list --user you@example.com")
        {
            json, target.Server, target.User, target.Directory,
        };
        command.SetAction(parsed => Terminal.Run(async ct =>
        {
            var after = "";
            while (true)
            {
                var (exit, page) = await target.Send(parsed, HttpMethod.Get, $"/v1/api-tokens?limit=200{after}", null, ct);
                if (page is null)
                    return exit;
                foreach (var token in page["items"]!.AsArray())
                    Console.WriteLine(parsed.GetValue(json) ? token!.ToJsonString() : Line(token!));
                if (page["next"]?.GetValue<string>() is not { } next)
                    return ExitCode.Done;
                after = $"&after={next}";
            }
        }));
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<Guid>("id") { Description = "The token's id, as list prints it" };
        var json = SharedOptions.Json();
        var target = new Target();
        var command = new Command("revoke", "Revoke a token for good. Other nodes notice within 30 seconds.\n\nExample:\n  lockstep api-token revoke 0192f0c1-7d5e-7c3a-9a44-3f1c5b6a7d8e --user you@example.com")
        {
            id, json, target.Server, target.User, target.Directory,
        };
        command.SetAction(parsed => Terminal.Run(async ct =>
        {
            var (exit, answer) = await target.Send(parsed, HttpMethod.Delete, $"/v1/api-tokens/{parsed.GetValue(id)}", null, ct);
            if (answer is not null)
                Terminal.Say(parsed.GetValue(json), $"Revoked {parsed.GetValue(id)}.", new { revoked = parsed.GetValue(id) });
            return exit;
        }));
        return command;
    }

    private static JsonArray Texts(IEnumerable<string>? texts) => [.. (texts ?? []).Select(text => JsonValue.Create(text))];

    /// <summary>id, state, hint, last use, name, scopes.</summary>
    private static string Line(JsonNode token)
    {
        var expires = token["expiresAt"]?.GetValue<string>();
        var state = token["revokedAt"] is not null ? "revoked"
            : expires is not null && InstantPattern.ExtendedIso.Parse(expires).GetValueOrThrow() <= SystemClock.Instance.GetCurrentInstant() ? "expired"
            : "live";
        var used = token["lastUsedAt"]?.GetValue<string>() ?? "never used";
        var scopes = string.Join(' ', token["scopes"]!.AsArray().Select(scope => scope!.GetValue<string>()));
        return string.Create(CultureInfo.InvariantCulture, $"{token["id"]!.GetValue<string>()}  {state,-7}  ...{token["hint"]!.GetValue<string>()}  {used,-20}  {token["name"]!.GetValue<string>()}  [{scopes}]");
    }

    /// <summary>Which server, and as whom.</summary>
    private sealed class Target
    {
        // --server is its former name.
        public Option<string?> Server { get; } = new("--url", "--server") { HelpName = "URL", Description = "The server (default http://127.0.0.1:5080). Also LOCKSTEP_URL" };

        public Option<string> User { get; } = new("--user") { Description = "Who makes them: an e-mail address, or any other subject", HelpName = "EMAIL", Required = true };

        public Option<string?> Directory { get; } = SharedOptions.DataDirectory();

        public Task<(int Exit, JsonNode? Answer)> Send(ParseResult parsed, HttpMethod method, string path, JsonNode? body, CancellationToken ct) =>
            ServerCall.Send(Api.Address(parsed.GetValue(Server)), parsed.GetValue(User)!, parsed.GetValue(Directory), method, path, body, ct);
    }
}
