using System.CommandLine;

namespace Lockstep.Bench;

/// <summary>The command line.</summary>
internal sealed class BenchCommand
{
    private readonly Option<int> rounds = new("--rounds") { Description = "Turns of Lockstep and of each limit; medians are shown", HelpName = "N", DefaultValueFactory = _ => 5 };
    private readonly Option<int> seconds = new("--seconds") { Description = "Length of a turn", HelpName = "N", DefaultValueFactory = _ => 4 };
    private readonly Option<string[]> only = new("--only") { Description = "Measure this alone; may be repeated", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
    private readonly Option<bool> quick = new("--quick") { Description = "About a minute: 2 rounds of 1 second. A first look, not for quoting" };
    private readonly Option<bool> json = new("--json") { Description = "Print JSON instead of tables" };
    private readonly RootCommand root;

    private BenchCommand()
    {
        only.AcceptOnlyFromAmong(BenchRun.Names);
        root = new RootCommand(
            "Starts a whole Lockstep with its own durable PostgreSQL in a temporary directory and measures it over HTTP, beside what pgbench gets out "
            + "of the same PostgreSQL in the same run. Progress goes to standard error.\n\n"
            + $"Names: {string.Join(", ", BenchRun.Names)}\n"
            + "Exit codes: 0 measured, 1 could not be measured, 2 wrong usage.\n\n"
            + "Examples:\n  eng/bench --quick\n  eng/bench --only push --only pull --rounds 9\n  eng/bench --json > bench.json")
        {
            rounds, seconds, only, quick, json,
        };
        Bound(rounds, 100);
        Bound(seconds, 600);
    }

    public static BenchCommand Create() => new();

    public async Task<int> Run(string[] args, Func<BenchOptions, Task<int>> measure)
    {
        root.SetAction(parsed => measure(new BenchOptions(
            parsed.GetValue(quick) ? 2 : parsed.GetValue(rounds),
            parsed.GetValue(quick) ? 1 : parsed.GetValue(seconds),
            parsed.GetValue(only) ?? [],
            parsed.GetValue(json))));
        var parsed = root.Parse(args);
        var code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
        return parsed.Errors.Count > 0 ? 2 : code;
    }

    private static void Bound(Option<int> option, int most) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() is var value && (value < 1 || value > most))
            result.AddError($"{option.Name} goes from 1 to {most}.");
    });
}
