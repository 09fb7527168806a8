using System.CommandLine;
using Lockstep.Cli;

var root = new RootCommand("Lockstep keeps your users' third-party credentials locked and their data in step.")
{
    ServeCommand.Create(),
    TokenCommand.Create(),
    MigrateCommand.Create(),
    UserCommand.Create(),
};
// Ctrl-C and SIGTERM belong to the commands: serving drains first.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
