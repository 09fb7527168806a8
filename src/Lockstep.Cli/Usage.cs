using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text.RegularExpressions;

namespace Lockstep.Cli;

/// <summary>What is said to who asks for help, or writes a command that is none.</summary>
internal static partial class Usage
{
    public static async Task<int> Run(ParseResult parsed)
    {
        var shown = parsed.CommandResult.Command;
        // Examples and exit codes of each stand in its own help: a list of 24 commands fits on a screen.
        foreach (var listed in shown.Subcommands)
            listed.Description = listed.Description?.Split("\n\n")[0];
        var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null };
        if (parsed.Action is not ParseErrorAction refusal)
        {
            var code = await parsed.InvokeAsync(configuration);
            return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
        }
        // Who names no command at all has asked for the list.
        refusal.ShowHelp = parsed.UnmatchedTokens.Count == 0 && shown.Subcommands.Count > 0;
        refusal.ShowTypoCorrections = shown.Subcommands.Count > 0;
        await using var words = new StringWriter();
        (configuration.Output, configuration.Error) = refusal.ShowHelp ? (configuration.Output, words) : (words, words);
        await parsed.InvokeAsync(configuration);
        Terminal.Error(Plain(words.ToString()));
        if (!refusal.ShowHelp)
            Terminal.Note($"See '{string.Join(' ', Path(shown).Reverse())} --help'.");
        return ExitCode.Usage;
    }

    /// <summary>Without the names of .NET types and empty lines.</summary>
    private static string Plain(string words) => string.Join('\n', OfType()
        .Replace(words, type => type.Value.Contains("Guid", StringComparison.Ordinal) ? "as an id" : "as a whole number")
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    [GeneratedRegex("as expected type '[^']*(Guid|Int32|Int64)[^']*'")]
    private static partial Regex OfType();

    private static IEnumerable<string> Path(Command command)
    {
        for (Symbol? each = command; each is Command; each = each.Parents.FirstOrDefault())
            yield return each.Name;
    }
}
