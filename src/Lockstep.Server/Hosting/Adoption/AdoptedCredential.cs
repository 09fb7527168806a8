using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>A row of a <see cref="CredentialSource"/>, opened. Whoever reads it disposes the value.</summary>
internal sealed record AdoptedCredential(CredentialId Id, Caller Caller, NewCredential Credential)
{
    /// <exception cref="FormatException">Says what is wrong, and never repeats a value.</exception>
    public static async Task<AdoptedCredential> Read(SourceRow row, CredentialSource source, OldKey? key, CancellationToken ct)
    {
        var columns = source.Columns;
        var type = source.Type;
        if (row.Optional(columns.Type) is { } named && !Enum.TryParse(named, ignoreCase: true, out type))
            throw new FormatException($"{columns.Type} is none of {string.Join(", ", Enum.GetNames<CredentialType>())}");
        var workspace = row.OptionalId(columns.WorkspaceId);
        return new AdoptedCredential(
            new CredentialId(row.Id(columns.Id)),
            Caller.Worker(new UserId(row.Id(columns.UserId))) with { Actor = "operator" },
            new NewCredential(
                row.Text(columns.Name),
                row.Optional(columns.Provider) ?? source.Provider,
                type,
                await row.Value(columns.Value, key, columns.Context, ct),
                workspace is null ? CredentialScope.USER : CredentialScope.WORKSPACE,
                workspace is { } id ? new WorkspaceId(id) : null,
                row.Optional(columns.Description)));
    }
}
