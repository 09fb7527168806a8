using System.CommandLine;
using Lockstep.Cli.Credentials;
using Lockstep.Cli.Integrations;
using Lockstep.Cli.Records;

namespace Lockstep.Cli;

/// <summary>Everything that the program can do.</summary>
internal static class Commands
{
    public static RootCommand Create() => new(
        """
        Lockstep keeps your users' third-party credentials locked and their data in step.

        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not allowed, 4 not reachable, 5 a search found something, 130 stopped by Ctrl-C.
        """)
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
        ApiCommand.Create(),
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
        CompletionCommand.Create(),
    };
}
