using System.CommandLine;
using System.Text.Json.Nodes;
using Lockstep.Cli.Credentials;

namespace Lockstep.Cli;

/// <summary><c>lockstep why</c>: why a time is not offered on somebody's page.</summary>
internal static class WhyCommand
{
    public static Command Create()
    {
        var at = new Argument<string>("at") { Description = "The time, on the clock of the working hours, or with an offset" };
        return Call.Create(
            "why", "Say why a time is not offered on the page of whoever asks.", "lockstep why 2026-03-01T09:00 --user you@example.com", [at],
            async (call, ct) => call.Print(await call.Send(HttpMethod.Get, $"/v1/provider/why?at={Uri.EscapeDataString(call.Value(at)!)}", null, ct), Words));
    }

    private static string Words(JsonNode answer) => answer["offered"]!.GetValue<bool>()
        ? "It is offered."
        : string.Join(Environment.NewLine, answer["reasons"]!.AsArray().Select(reason => $"{reason!["code"]!.GetValue<string>(),-20} {reason["message"]!.GetValue<string>()}"));
}
