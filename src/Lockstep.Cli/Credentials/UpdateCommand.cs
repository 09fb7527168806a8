using System.CommandLine;
using System.Text.Json;
using Lockstep.Server;

namespace Lockstep.Cli.Credentials;

/// <summary><c>lockstep credentials update</c>: what describes a credential; its value is rotated instead.</summary>
internal static class UpdateCommand
{
    public static Command Create()
    {
        var id = CredentialsCommand.Id();
        var name = new Option<string?>("--name") { HelpName = "NAME", Description = "Unique for its owner and provider" };
        var description = new Option<string?>("--description") { HelpName = "TEXT", Description = "No secret; empty takes it away" };
        var expires = new Option<string?>("--expires-at") { HelpName = "TIME", Description = "Such as 2027-01-01T00:00:00Z; 'never' takes it away" };
        var metadata = new Option<string?>("--metadata") { HelpName = "JSON", Description = "An object, in place of what is there; no secret" };
        return Call.Create("update", "Change what describes a credential. What is not given stays.", "lockstep credentials update ID --description 'of the web shop' --user you@example.com",
            [id, name, description, expires, metadata],
            async (call, ct) => call.Print(
                await call.Send(HttpMethod.Patch, $"/v1/credentials/{call.Value(id)}", Body(call.Value(name), call.Value(description), call.Value(expires), call.Value(metadata)), ct),
                CredentialText.Line));
    }

    private static byte[] Body(string? name, string? description, string? expires, string? metadata) => ValueInput.Body(json =>
    {
        if ((name ?? description ?? expires ?? metadata) is null)
            throw new StartRefusedException("Say what is to be changed: --name, --description, --expires-at or --metadata.") { Misused = true };
        if (name is not null)
            json.WriteString("name", name);
        if (description is not null)
            WriteOrClear(json, "description", description, description.Length == 0);
        if (expires is not null)
            WriteOrClear(json, "expiresAt", expires, expires == "never");
        if (metadata is not null)
            WriteObject(json, metadata);
    });

    private static void WriteOrClear(Utf8JsonWriter json, string member, string text, bool clear)
    {
        if (clear)
            json.WriteNull(member);
        else
            json.WriteString(member, text);
    }

    private static void WriteObject(Utf8JsonWriter json, string metadata)
    {
        try
        {
            using var given = JsonDocument.Parse(metadata);
            json.WritePropertyName("metadata");
            given.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            throw new StartRefusedException("--metadata is no JSON object. Write it as '{\"team\":\"web\"}'.") { Misused = true };
        }
    }
}
