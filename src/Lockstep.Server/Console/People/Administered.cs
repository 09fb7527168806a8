using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Console.People;

/// <summary>Whose a new thing is to be: one's own, or of a workspace that one administers.</summary>
internal static class Administered
{
    private const int Most = 200;

    public static async Task<IReadOnlyList<WorkspaceView>> By(ConsoleVisit visit, CancellationToken ct) =>
        [.. (await WorkspaceDirectory.List(visit.Session, null, Most, ct)).Where(one => one.Role is "owner" or "admin")];

    /// <summary>The name of a workspace that one is in; its id for any other.</summary>
    public static async Task<string?> Name(ConsoleVisit visit, Guid? workspace, CancellationToken ct) => workspace is not { } id ? null
        : (await WorkspaceDirectory.List(visit.Session, null, Most, ct)).Find(one => one.Id == id)?.Name ?? id.ToString();

    /// <summary>As the form names it; null for oneself.</summary>
    public static Guid? Read(ConsoleForm form) => Guid.TryParse(form["workspace"], out var id) ? id : null;
}
