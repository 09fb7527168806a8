using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lockstep.Cli.Credentials;

/// <summary>One command against the server: who asks, where, and how the answer is printed.</summary>
internal sealed class Call(Api api, ParseResult parsed, bool json)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public bool AsJson => json;

    /// <param name="symbols">Options and arguments of its own.</param>
    public static Command Create(string name, string description, string example, Symbol[] symbols, Func<Call, CancellationToken, Task> work) =>
        Create(name, description, example, symbols, anonymous: null, async (call, ct) =>
        {
            await work(call, ct);
            return ExitCode.Done;
        });

    /// <param name="anonymous">Whether it is something that anybody may ask.</param>
    /// <param name="work">Gives the exit code.</param>
    public static Command Create(
        string name, string description, string example, Symbol[] symbols, Func<ParseResult, bool>? anonymous, Func<Call, CancellationToken, Task<int>> work)
    {
        var url = new Option<string?>("--url", "--server") { HelpName = "URL", Description = "The server (default http://127.0.0.1:5080). Also LOCKSTEP_URL" };
        var user = new Option<string?>("--user") { HelpName = "EMAIL", Description = "Ask as this user, with a token signed here; else LOCKSTEP_TOKEN is sent" };
        var service = new Option<bool>("--service") { Description = "Ask as the service role, with a token signed here" };
        var directory = SharedOptions.DataDirectory();
        var asJson = SharedOptions.Json();
        var command = new Command(name, $"{description}\n\nExample:\n  {example}");
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
                command.Arguments.Add(argument);
            else
                command.Options.Add((Option)symbol);
        }
        foreach (var option in new Option[] { url, user, service, directory, asJson })
            command.Options.Add(option);
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            try
            {
                using var api = Api.Open(parsed.GetValue(url), parsed.GetValue(user), parsed.GetValue(service), parsed.GetValue(directory), anonymous?.Invoke(parsed) == true);
                return await work(new Call(api, parsed, parsed.GetValue(asJson)), stop);
            }
            catch (ApiRefusedException e)
            {
                Terminal.Error(e.Message);
                return e.ExitCode;
            }
        }));
        return command;
    }

    public T? Value<T>(Option<T> option) => parsed.GetValue(option);

    public T? Value<T>(Argument<T> argument) => parsed.GetValue(argument);

    public Task<JsonNode> Send(HttpMethod method, string path, byte[]? body, CancellationToken ct) => api.Call(method, path, body, ct);

    /// <inheritdoc cref="Api.Exchange"/>
    public Task<T> Exchange<T>(HttpRequestMessage request, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken ct) => api.Exchange(request, read, ct);

    /// <summary>An answer of any length, as it comes.</summary>
    public Task Fetch(string path, Stream to, CancellationToken ct) => api.Fetch(path, to, ct);

    /// <summary>A body of any length.</summary>
    public Task<JsonNode> Upload(string path, HttpContent content, CancellationToken ct) => api.Upload(path, content, ct);

    public void Print(JsonNode answer, Func<JsonNode, string> text) => Console.WriteLine(json ? answer.ToJsonString(Indented) : text(answer));
}
