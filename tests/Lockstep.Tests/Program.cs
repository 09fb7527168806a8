using Lockstep.Server.Postgres.Embedded;
using Xunit.Runner.InProc.SystemConsole;

// The tests; or, for tests that kill a program, a small program that holds an embedded PostgreSQL until it is killed.
if (args is not ["hold-postgres", var dataDirectory])
    return await ConsoleRunner.Run(args);

var server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(dataDirectory), CancellationToken.None);
Console.WriteLine("ready");
return await server.Exited;
