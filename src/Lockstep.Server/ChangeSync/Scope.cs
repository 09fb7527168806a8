using Lockstep.Server.Tenancy;

namespace Lockstep.Server.ChangeSync;

/// <summary>Whose data a change belongs to: the caller's own, or that of one workspace of the caller.</summary>
/// <param name="Space">As the wire names it: empty or <c>_personal:...</c> for the caller's own, else a workspace's external id or id.</param>
internal readonly record struct Scope(string Space)
{
    /// <summary>The data of the user who runs the transaction.</summary>
    public static readonly Scope Own = new("");

    public static Scope Of(WorkspaceId workspace) => new(workspace.ToString());
}
