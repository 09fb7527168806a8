namespace Lockstep.Cli;

/// <summary>What a script can tell from the exit.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int NotAllowed = 3;
    public const int Unreachable = 4;

    /// <summary>A search found what it looked for.</summary>
    public const int Found = 5;
}
