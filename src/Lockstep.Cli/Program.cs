using System.CommandLine;
using Lockstep.Cli;

// Ctrl-C and SIGTERM belong to the commands: serving drains first.
var parsed = Commands.Create().Parse(args);
var code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
