using System.CommandLine;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Cli;

/// <summary><c>lockstep revoke</c> and <c>lockstep shred</c>: everything that one user or workspace has.</summary>
internal static class TenantCommands
{
    public static Command Revoke() => Create(
        "revoke",
        "Revoke every credential of a user or a workspace. Their integrations stop, and the workspaces' admins are told in their activity.\n\nExample:\n  lockstep revoke --user you@example.com --reason \"laptop stolen\"",
        confirm: false,
        async (bench, tenant, reason, ct) =>
        {
            var session = bench.Get<Database>().For(Caller.Service with { Actor = "operator" });
            return await bench.Get<CredentialVault>().RevokeAll(session, tenant, reason, ct) is { } revoked
                ? new($"Revoked {revoked} credentials of {tenant}.", new { revoked })
                : null;
        });

    public static Command Shred() => Create(
        "shred",
        "Destroy the data keys of a user or a workspace, and with them every value they sealed. It cannot be undone; the audit stays.\n\nExample:\n  lockstep shred --workspace 0192f0c1-7d5e-7c3a-9a44-3f1c5b6a7d8e --yes",
        confirm: true,
        async (bench, tenant, reason, ct) => await bench.Get<KeyRotation>().Shred(tenant, reason, ct) is { } gone
            ? new($"Shredded {gone.Credentials} credentials and {gone.DataKeys} data keys of {tenant}. Backups still hold the wrapped keys: they open only with the master keys of that time.", gone)
            : null);

    /// <param name="work">Says what was done; null: there is no such tenant.</param>
    private static Command Create(string name, string description, bool confirm, Func<Workbench, Tenant, string, CancellationToken, Task<Said?>> work)
    {
        var user = new Option<string?>("--user") { Description = UserOption.Description, HelpName = "ID or EMAIL" };
        var workspace = new Option<string?>("--workspace") { Description = "The workspace's id", HelpName = "ID" };
        var reason = new Option<string>("--reason") { Description = "Kept in the audit", HelpName = "TEXT", DefaultValueFactory = _ => "by the operator" };
        var yes = new Option<bool>("--yes") { Description = "Do not ask" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command(name, description) { user, workspace, reason, directory, database, json };
        if (confirm)
            command.Options.Add(yes);
        command.Validators.Add(result =>
        {
            if (string.IsNullOrWhiteSpace(result.GetValue(user)) == string.IsNullOrWhiteSpace(result.GetValue(workspace)))
                result.AddError("Give either --user ID or --workspace ID.");
            if (result.GetValue(workspace) is { } given && !Guid.TryParseExact(given, "D", out _))
                result.AddError($"--workspace {given} is no id. 'GET /v1/workspaces' lists the ids.");
        });
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            var tenant = parsed.GetValue(user) is { } whose
                ? Tenant.Of(await UserOption.Resolve(whose, parsed.GetValue(directory), bench.Get<Database>(), ct))
                : Tenant.Of(new WorkspaceId(Guid.ParseExact(parsed.GetValue(workspace)!, "D")));
            if (confirm && !parsed.GetValue(yes) && !Terminal.Confirmed(tenant.ToString()))
                return ExitCode.Failed;
            if (await work(bench, tenant, parsed.GetValue(reason)!, ct) is { } done)
            {
                Terminal.Say(parsed.GetValue(json), done.Text, done.Value);
                return ExitCode.Done;
            }
            Terminal.Error(parsed.GetValue(user) is { } unknown ? UserOption.Unknown(unknown) : $"There is no {tenant}.");
            return ExitCode.Failed;
        }));
        return command;
    }

    /// <summary>What was done, for people and for programs.</summary>
    private sealed record Said(string Text, object Value);
}
