using System.CommandLine;
using Lockstep.Cli;
using Lockstep.Cli.Credentials;
using Lockstep.Cli.Integrations;
using Lockstep.Cli.Records;

var root = new RootCommand("Lockstep keeps your users' third-party credentials locked and their data in step.")
{
    ServeCommand.Create(),
    TokenCommand.Create(),
    ApiTokenCommand.Create(),
    MigrateCommand.Create(),
    UserCommand.Create(),
    IcsCommand.Create(),
    AuditCommand.Create(),
    ScanCommand.Create(),
    SqlVaultCommand.Create(),
    CredentialsCommand.Create(),
    IntegrationsCommand.Create(),
    RecordCommands.Export(),
    RecordCommands.Import(),
    KeysCommand.Create(),
    RekeyCommand.Create(),
    WhyCommand.Create(),
    DoctorCommand.Create(),
    RepairCommand.Create(),
    AdoptionCommand.Create(),
    TenantCommands.Revoke(),
    TenantCommands.Shred(),
};
// Ctrl-C and SIGTERM belong to the commands: serving drains first.
var parsed = root.Parse(args);
var code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
