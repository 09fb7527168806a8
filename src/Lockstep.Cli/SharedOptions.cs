using System.CommandLine;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary>Options that several commands have.</summary>
internal static class SharedOptions
{
    public static Option<string?> DataDirectory() => new("--data-dir")
    {
        Description = $"Where the embedded database, its keys and its token secret are kept (default ./{ServeOptions.DefaultDataDirectory})",
        HelpName = "DIR",
    };

    public static Option<string?> Database() => new("--database")
    {
        Description = "Use this PostgreSQL (15 or newer) instead of the embedded one: a login that may create roles. Also LOCKSTEP_DATABASE_URL",
        HelpName = "CONN",
    };

    public static Option<bool> Json() => new("--json") { Description = "Print JSON instead of text" };
}
