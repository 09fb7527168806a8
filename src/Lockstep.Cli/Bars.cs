using Spectre.Console;

namespace Lockstep.Cli;

/// <summary>Progress bars on standard error; nothing where nobody looks.</summary>
internal static class Bars
{
    /// <param name="work">Is given what to tell how many of how many are done.</param>
    public static async Task<T> Run<T>(string what, Func<Action<long, long>, Task<T>> work)
    {
        if (Console.IsErrorRedirected)
            return await work((_, _) => { });
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .StartAsync(async bars =>
            {
                var bar = bars.AddTask(what);
                var result = await work((done, all) =>
                {
                    bar.MaxValue = Math.Max(1, all);
                    bar.Value = done;
                });
                bar.Value = bar.MaxValue;
                return result;
            });
    }
}
