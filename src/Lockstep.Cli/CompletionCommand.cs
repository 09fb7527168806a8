using System.CommandLine;

namespace Lockstep.Cli;

/// <summary><c>lockstep completion</c>: what a shell needs to complete commands and options. The program itself says what fits (<c>[suggest]</c>).</summary>
internal static class CompletionCommand
{
    private const string Bash =
        """
        # lockstep completion bash: source this, or put it into ~/.local/share/bash-completion/completions/lockstep
        _lockstep() {
          local line="${COMP_LINE:0:COMP_POINT}" word="${COMP_WORDS[COMP_CWORD]}"
          line="${line#"${line%%[![:space:]]*}"}"; line="${line#* }"
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)" -- "$word"))
        }
        complete -o default -F _lockstep lockstep ./lockstep
        """;

    private const string Zsh =
        """
        #compdef lockstep
        # lockstep completion zsh: source this after compinit, or put it as _lockstep into a folder of fpath
        _lockstep() {
          local line="${LBUFFER#* }"
          local -a found
          found=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
          compadd -a found
        }
        compdef _lockstep lockstep
        """;

    private const string Fish =
        """
        # lockstep completion fish: put this into ~/.config/fish/completions/lockstep.fish
        function __lockstep
          set -l words (commandline -cop)
          set -l line (string join ' ' -- $words[2..-1] (commandline -ct))
          $words[1] "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c lockstep -f -a '(__lockstep)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print what makes a shell complete commands and options.\n\nExample:\n  source <(lockstep completion bash)") { shell };
        command.SetAction(parsed =>
        {
            Console.WriteLine(parsed.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCode.Done;
        });
        return command;
    }
}
