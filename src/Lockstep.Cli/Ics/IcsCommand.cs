using System.CommandLine;

namespace Lockstep.Cli;

/// <summary><c>lockstep ics</c>: calendar files, without a server.</summary>
internal static class IcsCommand
{
    public static Command Create() => new("ics", "Look into iCalendar files; no server is needed.")
    {
        IcsExpandCommand.Create(), IcsCheckCommand.Create(),
    };
}
