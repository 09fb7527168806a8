using System.Text;

namespace Lockstep.Bench;

/// <summary>Lets warnings and errors of the program's log through; what it says of every new user would bury them.</summary>
internal sealed class WarningsOnly(TextWriter output) : TextWriter
{
    private static readonly string[] Levels = [" warn: ", " fail: ", " crit: "];

    public override Encoding Encoding => output.Encoding;

    /// <remarks>The logger writes a whole message at once.</remarks>
    public override void Write(string? value)
    {
        if (value is not null && Levels.Any(level => value.Contains(level, StringComparison.Ordinal)))
            output.Write(value);
    }

    public override void Write(char value)
    {
    }
}
