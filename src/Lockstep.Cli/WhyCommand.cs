using System.CommandLine;
using System.Text.Json.Nodes;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary><c>lockstep why</c>: why a time is not offered on somebody's page.</summary>
internal static class WhyCommand
{
    public static Command Create()
    {
        var at = new Argument<string>("at") { Description = "The time, on the clock of the working hours, or with an offset" };
        var server = new Option<string>("--server") { Description = "Where the server listens", HelpName = "URL", DefaultValueFactory = _ => ServeOptions.DefaultUrl };
        var user = new Option<string>("--user") { Description = "Whose page: an e-mail address, or any other subject", HelpName = "EMAIL", Required = true };
        var json = new Option<bool>("--json") { Description = "Print JSON, the day in layers too" };
        var directory = SharedOptions.DataDirectory();
        var command = new Command("why", "Say why a time is not offered on a public page.\n\nExample:\n  lockstep why 2026-03-01T09:00 --user you@example.com") { at, server, user, json, directory };
        command.SetAction(parsed => Terminal.Run(async ct =>
        {
            var path = $"/v1/provider/why?at={Uri.EscapeDataString(parsed.GetValue(at)!)}";
            var (exit, answer) = await ServerCall.Send(parsed.GetValue(server)!, parsed.GetValue(user)!, parsed.GetValue(directory), HttpMethod.Get, path, null, ct);
            if (answer is not null)
                Console.WriteLine(parsed.GetValue(json) ? answer.ToJsonString() : Words(answer));
            return exit;
        }));
        return command;
    }

    private static string Words(JsonNode answer) => answer["offered"]!.GetValue<bool>()
        ? "It is offered."
        : string.Join(Environment.NewLine, answer["reasons"]!.AsArray().Select(reason => $"{reason!["code"]!.GetValue<string>(),-20} {reason["message"]!.GetValue<string>()}"));
}
