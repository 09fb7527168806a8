using Lockstep.Cli;

// Ctrl-C and SIGTERM belong to the commands: serving drains first.
return await Usage.Run(Commands.Create().Parse(args));
