using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lockstep.Cli.Credentials;

namespace Lockstep.Cli;

/// <summary><c>lockstep api</c>: any call of the API with the sign-in of the other commands, so that nothing is out of reach of a script.</summary>
internal static class ApiCommand
{
    private static readonly string[] Methods = ["get", "post", "put", "patch", "delete"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var method = new Argument<string?>("METHOD") { Description = "GET, POST, PUT, PATCH or DELETE", Arity = ArgumentArity.ZeroOrOne };
        var path = new Argument<string?>("PATH") { Description = "Such as /v1/integrations?limit=10", Arity = ArgumentArity.ZeroOrOne };
        var data = new Option<string?>("--data", "-d") { HelpName = "JSON", Description = "The body. One with a secret in it comes by --input" };
        var input = new Option<string?>("--input") { HelpName = "FILE", Description = "The body from a file; - reads standard input" };
        var type = new Option<string>("--type") { HelpName = "TYPE", Description = "Of the body", DefaultValueFactory = _ => "application/json" };
        var ifMatch = new Option<string?>("--if-match") { HelpName = "ETAG", Description = "Only if the event is still that one" };
        var behalf = new Option<string?>("--on-behalf-of") { HelpName = "ID", Description = "With --service: work as this user; the audit names both" };
        var command = Call.Create(
            "api",
            """
            Call the API; without METHOD and PATH, list what there is to call.

            The answer goes to standard output as it is (JSON indented on a terminal), also that of a refusal.
            Exit code 0: done. 1: refused. 3: not allowed. 4: nothing answers.
            """,
            "lockstep api PATCH /v1/integrations/ID --data '{\"enabled\":false}' --user you@example.com",
            [method, path, data, input, type, ifMatch, behalf],
            parsed => parsed.GetValue(method) is null,
            async (call, ct) =>
            {
                if (call.Value(method) is not { } verb)
                    return await List(call, ct);
                using var request = new HttpRequestMessage(new HttpMethod(verb.ToUpperInvariant()), new Uri(call.Value(path)!, UriKind.Relative));
                if (await Body(call.Value(data), call.Value(input), ct) is { } body)
                {
                    request.Content = new ByteArrayContent(body);
                    request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(call.Value(type)!);
                }
                if (call.Value(ifMatch) is { } tag)
                    request.Headers.TryAddWithoutValidation("If-Match", tag);
                if (call.Value(behalf) is { } user)
                    request.Headers.Add("Lockstep-On-Behalf-Of", user);
                return await call.Exchange(request, (answer, stop) => Print(answer, call.AsJson, stop), ct);
            });
        command.Validators.Add(result =>
        {
            if (result.GetValue(method) is { } verb && !Methods.Contains(verb.ToLowerInvariant()))
                result.AddError($"{verb} is no method. Write GET, POST, PUT, PATCH or DELETE, then the path.");
            else if (result.GetValue(method) is not null && result.GetValue(path) is not ['/', ..])
                result.AddError("Give a path that begins with /, such as /v1/integrations. 'lockstep api' lists them.");
            if (result.GetValue(data) is not null && result.GetValue(input) is not null)
                result.AddError("Give either --data or --input.");
            if (result.GetValue(type) is { } media && !MediaTypeHeaderValue.TryParse(media, out _))
                result.AddError("--type is a media type, such as application/json.");
        });
        return command;
    }

    private static async Task<int> List(Call call, CancellationToken ct)
    {
        var document = await call.Send(HttpMethod.Get, "/openapi/v1.json", null, ct);
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Where(one => Methods.Contains(one.Key)).Select(one => new JsonObject
        {
            ["method"] = one.Key.ToUpperInvariant(),
            ["path"] = path.Key,
            ["operationId"] = one.Value!["operationId"]?.GetValue<string>(),
            ["summary"] = one.Value!["summary"]?.GetValue<string>(),
        }));
        call.Print(new JsonArray([.. operations]), list => Columns.Of(
            [.. list.AsArray().Select(one => new[] { one!["method"]!.GetValue<string>(), one["path"]!.GetValue<string>(), one["summary"]?.GetValue<string>() ?? "" })]));
        return ExitCode.Done;
    }

    private static async Task<byte[]?> Body(string? data, string? input, CancellationToken ct)
    {
        if (data is not null)
            return System.Text.Encoding.UTF8.GetBytes(data);
        if (input is null)
            return null;
        if (input != "-")
            return await File.ReadAllBytesAsync(input, ct);
        using var buffer = new MemoryStream();
        await using var standard = Console.OpenStandardInput();
        await standard.CopyToAsync(buffer, ct);
        return buffer.ToArray();
    }

    /// <summary>JSON for a person is indented; everything else, a stream too, goes through as it comes.</summary>
    private static async Task<int> Print(HttpResponseMessage answer, bool json, CancellationToken ct)
    {
        await using var output = Console.OpenStandardOutput();
        var isJson = answer.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json";
        if (isJson && (json || !Console.IsOutputRedirected))
            await output.WriteAsync(System.Text.Encoding.UTF8.GetBytes((await JsonNode.ParseAsync(await answer.Content.ReadAsStreamAsync(ct), cancellationToken: ct))!.ToJsonString(Indented)), ct);
        else
            await answer.Content.CopyToAsync(output, ct);
        if (isJson)
            await output.WriteAsync("\n"u8.ToArray(), ct);
        await output.FlushAsync(ct);
        var exit = Api.ExitOf(answer.StatusCode);
        if (exit != ExitCode.Done)
            Terminal.Error($"The server answered {(int)answer.StatusCode}; what it says is on standard output.");
        return exit;
    }
}
