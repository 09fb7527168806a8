using Lockstep.Server.Vault;

namespace Lockstep.Server.Console.Secrets;

/// <param name="Next">After which the list goes on; null at its end.</param>
internal sealed record CredentialListView(IReadOnlyList<CredentialView> Items, string? Next, string Name, string Provider, string State)
{
    public bool IsFiltered => Name.Length + Provider.Length + State.Length > 0;
}

/// <param name="Workspace">The name of whose it is; null for one's own.</param>
/// <param name="Value">Shown this once; null on all other pages.</param>
internal sealed record CredentialPageView(CredentialView Credential, string? Workspace, IReadOnlyList<CredentialVersionView> Versions, string? Value);

/// <summary>What was typed to store one, without its value.</summary>
internal sealed record NewCredentialView(
    string Name, string Provider, string Type, string Description, string ExpiresOn, Guid? Whose, IReadOnlyList<Tenancy.WorkspaceView> Workspaces);

internal static class CredentialWords
{
    /// <summary>The password of a connection is named by what it opens: its own name is an id.</summary>
    public static string Title(CredentialView credential) =>
        credential.Name.StartsWith("integration ", StringComparison.Ordinal) && credential.Description is { Length: > 0 } said ? said : credential.Name;
}
