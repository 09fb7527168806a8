using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Lockstep.Cli.Credentials;

/// <summary><c>lockstep credentials</c>: what HTTP offers for credentials, from a shell.</summary>
internal static class CredentialsCommand
{
    public static Command Create() => new("credentials", "Store, list, reveal, rotate and revoke credentials of a running server.\n\nValues are read from standard input. Say who asks with --user, --service or LOCKSTEP_TOKEN.")
    {
        List(), Store(), Get(), UpdateCommand.Create(), Reveal(), Rotate(), Revoke(), Delete(), Versions(), Rollback(), ImportCommand.Create(),
    };

    private static Command List()
    {
        var provider = new Option<string?>("--provider") { HelpName = "NAME", Description = "Only of this provider" };
        var name = new Option<string?>("--name") { HelpName = "NAME", Description = "Only of this name" };
        var workspace = new Option<Guid?>("--workspace") { HelpName = "ID", Description = "Only of this workspace" };
        var active = new Option<bool?>("--active") { Description = "true: not revoked; false: revoked" };
        var expires = new Option<string?>("--expires-before") { HelpName = "TIME", Description = "Only what expires before this time" };
        return Call.Create("list", "List credentials, without their values.", "lockstep credentials list --user you@example.com", [provider, name, workspace, active, expires],
            async (call, ct) =>
            {
                var items = new JsonArray();
                string? after = null;
                do
                {
                    var page = await call.Send(HttpMethod.Get, "/v1/credentials?" + Query(
                        ("provider", call.Value(provider)), ("name", call.Value(name)), ("workspaceId", call.Value(workspace)?.ToString()),
                        ("active", call.Value(active)?.ToString().ToLowerInvariant()), ("expiresBefore", call.Value(expires)), ("after", after), ("limit", "200")), null, ct);
                    foreach (var item in page["items"]!.AsArray().ToList())
                        items.Add(item!.DeepClone());
                    after = page["next"]?.GetValue<string>();
                }
                while (after is not null);
                call.Print(items, CredentialText.Table);
            });
    }

    private static Command Store()
    {
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "Unique for its owner and provider", Required = true };
        var provider = new Option<string>("--provider") { HelpName = "NAME", Description = "Such as stripe", Required = true };
        var type = new Option<string>("--type") { HelpName = "TYPE", Description = "API_KEY, OAUTH_TOKEN, ACCESS_TOKEN, SECRET, PASSWORD or CUSTOM", DefaultValueFactory = _ => "SECRET" };
        var workspace = new Option<Guid?>("--workspace") { HelpName = "ID", Description = "For a workspace of which you are an admin" };
        var system = new Option<bool>("--system") { Description = "For the installation itself; with --service" };
        var description = new Option<string?>("--description") { HelpName = "TEXT", Description = "No secret" };
        var expires = new Option<string?>("--expires-at") { HelpName = "TIME", Description = "Such as 2027-01-01T00:00:00Z" };
        var raw = Raw();
        return Call.Create("store", "Store the value that comes on standard input.", "lockstep credentials store --user you@example.com --provider stripe --name live < key.txt",
            [name, provider, type, workspace, system, description, expires, raw],
            async (call, ct) => call.Print(await call.Send(HttpMethod.Post, "/v1/credentials", ValueInput.Body("value", call.Value(raw), json =>
            {
                json.WriteString("name", call.Value(name));
                json.WriteString("provider", call.Value(provider));
                json.WriteString("type", call.Value(type));
                json.WriteString("scope", call.Value(system) ? "SYSTEM" : call.Value(workspace) is null ? "USER" : "WORKSPACE");
                if (call.Value(workspace) is { } id)
                    json.WriteString("workspaceId", id);
                if (call.Value(description) is { } text)
                    json.WriteString("description", text);
                if (call.Value(expires) is { } time)
                    json.WriteString("expiresAt", time);
            }), ct), CredentialText.Line));
    }

    private static Command Get()
    {
        var id = Id();
        return Call.Create("get", "Show a credential, without its value.", "lockstep credentials get ID --user you@example.com", [id],
            async (call, ct) => call.Print(await call.Send(HttpMethod.Get, $"/v1/credentials/{call.Value(id)}", null, ct), CredentialText.Line));
    }

    private static Command Reveal()
    {
        var id = Id();
        var purpose = new Option<string>("--purpose") { HelpName = "TEXT", Description = "Kept in the audit", Required = true };
        var version = new Option<int?>("--version") { HelpName = "N", Description = "A former one, within its grace" };
        return Call.Create("reveal", "Print the value, and nothing else, to standard output. The audit names you and the purpose.", "lockstep credentials reveal ID --purpose deploy --user you@example.com", [id, purpose, version],
            async (call, ct) =>
            {
                var revealed = await call.Send(HttpMethod.Post, $"/v1/credentials/{call.Value(id)}/reveal", ValueInput.Body(json =>
                {
                    json.WriteString("purpose", call.Value(purpose));
                    if (call.Value(version) is { } number)
                        json.WriteNumber("version", number);
                }), ct);
                if (call.AsJson)
                    call.Print(revealed, _ => "");
                else if (Console.IsOutputRedirected)
                    Console.Write(revealed["value"]!.GetValue<string>());
                else
                    Console.WriteLine(revealed["value"]!.GetValue<string>());
            });
    }

    private static Command Rotate()
    {
        var id = Id();
        var expected = new Option<int?>("--expected-version") { HelpName = "N", Description = "Rotate only this version" };
        var grace = new Option<int?>("--grace-seconds") { HelpName = "N", Description = "So long the former value stays revealable by its version" };
        var raw = Raw();
        return Call.Create("rotate", "Replace the value by the one that comes on standard input; the former one is kept.", "lockstep credentials rotate ID --user you@example.com < key.txt", [id, expected, grace, raw],
            async (call, ct) => call.Print(await call.Send(HttpMethod.Post, $"/v1/credentials/{call.Value(id)}/rotate", ValueInput.Body("value", call.Value(raw), json =>
            {
                if (call.Value(expected) is { } version)
                    json.WriteNumber("expectedVersion", version);
                if (call.Value(grace) is { } seconds)
                    json.WriteNumber("graceSeconds", seconds);
            }), ct), CredentialText.Line));
    }

    private static Command Revoke()
    {
        var id = Id();
        return Call.Create("revoke", "Revoke a credential for good.", "lockstep credentials revoke ID --user you@example.com", [id],
            async (call, ct) => call.Print(await call.Send(HttpMethod.Post, $"/v1/credentials/{call.Value(id)}/revoke", ValueInput.Body(_ => { }), ct), CredentialText.Line));
    }

    private static Command Delete()
    {
        var id = Id();
        return Call.Create("delete", "Delete a credential and its former values.", "lockstep credentials delete ID --user you@example.com", [id],
            async (call, ct) =>
            {
                await call.Send(HttpMethod.Delete, $"/v1/credentials/{call.Value(id)}", null, ct);
                call.Print(new JsonObject { ["id"] = call.Value(id), ["deleted"] = true }, _ => $"Deleted {call.Value(id)}.");
            });
    }

    private static Command Versions()
    {
        var id = Id();
        return Call.Create("versions", "List the current value and the kept former ones, masked.", "lockstep credentials versions ID --user you@example.com", [id],
            async (call, ct) => call.Print((await call.Send(HttpMethod.Get, $"/v1/credentials/{call.Value(id)}/versions", null, ct))["items"]!, CredentialText.Versions));
    }

    private static Command Rollback()
    {
        var id = Id();
        var version = new Argument<int>("version") { Description = "The version to go back to" };
        return Call.Create("rollback", "Make a former value current again, as a new version.", "lockstep credentials rollback ID 3 --user you@example.com", [id, version],
            async (call, ct) => call.Print(
                await call.Send(HttpMethod.Post, $"/v1/credentials/{call.Value(id)}/rollback", ValueInput.Body(json => json.WriteNumber("version", call.Value(version))), ct),
                CredentialText.Line));
    }

    public static Argument<Guid> Id() => new("id") { Description = "The credential's id" };

    private static Option<bool> Raw() => new("--raw") { Description = "Keep the line break at the end of standard input" };

    private static string Query(params (string Name, string? Value)[] parameters) => string.Join('&', parameters
        .Where(parameter => parameter.Value is not null)
        .Select(parameter => string.Create(CultureInfo.InvariantCulture, $"{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}")));
}
