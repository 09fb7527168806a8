using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lockstep.Server.Hosting;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;

namespace Lockstep.Cli;

/// <summary>One call of a running server, as a user for whom this installation's own secret vouches.</summary>
internal static class ServerCall
{
    /// <returns>The answer; null, and a sentence has been said, when the server refused or cannot be reached.</returns>
    public static async Task<(int Exit, JsonNode? Answer)> Send(
        Uri server, string user, string? dataDirectory, HttpMethod method, string path, JsonNode? body, CancellationToken ct)
    {
        var jwt = Settings.LoadTokenSettings(dataDirectory, Environment.GetEnvironmentVariable);
        var email = user.Contains('@', StringComparison.Ordinal) ? user : null;
        var token = new JwtIssuer(jwt, TimeProvider.System).Issue(
            user, email, JwtClaims.Authenticated, Duration.FromMinutes(1), emailVerified: email is not null);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) });
        using var request = new HttpRequestMessage(method, new Uri(server, path)) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            using var answer = await http.SendAsync(request, ct);
            var text = await answer.Content.ReadAsStringAsync(ct);
            var json = text.Length == 0 ? new JsonObject() : JsonNode.Parse(text);
            if (answer.IsSuccessStatusCode)
                return (ExitCode.Done, json);
            Terminal.Error(json?["detail"]?.GetValue<string>() ?? $"The server answered {(int)answer.StatusCode}.");
            return (answer.StatusCode is System.Net.HttpStatusCode.Forbidden or System.Net.HttpStatusCode.Unauthorized ? ExitCode.NotAllowed : ExitCode.Failed, null);
        }
        catch (HttpRequestException)
        {
            Terminal.Error($"Nothing answers at {server}. Start './lockstep serve', or name its address with --url.");
            return (ExitCode.Unreachable, null);
        }
        catch (System.Text.Json.JsonException)
        {
            Terminal.Error($"What answers at {server} is not Lockstep. Name its address with --url.");
            return (ExitCode.Unreachable, null);
        }
    }
}
