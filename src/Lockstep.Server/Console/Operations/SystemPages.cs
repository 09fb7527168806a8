using Lockstep.Server.Activity;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Hosting;
using Lockstep.Server.Integrations;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Operations;

/// <param name="Backlog">Keys and values that wait for the key provider to come back.</param>
internal sealed record SystemView(
    HealthView Health, IReadOnlyList<WorkState> Work, IReadOnlyList<KeyUse> Keys, long Backlog, IReadOnlyList<ActivityView> Activity)
{
    public long Waiting => Work.Sum(state => state.Overdue);

    public double Longest => Work.Count == 0 ? 0 : Work.Max(state => state.Waited);
}

/// <summary>How the installation is, for who came with a token of the service role.</summary>
internal static class SystemPages
{
    private const int Shown = 20;

    public static void Map(IEndpointRouteBuilder signedIn) => signedIn.MapGet("/system", Show);

    private static async Task<IResult> Show(ConsoleVisit visit, SystemDoors doors, CancellationToken ct)
    {
        // To a person there is no such page.
        if (!visit.SignedIn.IsOperator)
            return await visit.NotFound();
        var (health, _) = visit.Read<HealthView>(await Health.Check(doors.Database, doors.Keys, doors.Workers, doors.Audit, doors.Disk, doors.Holes, doors.Time, ct));
        var activity = await ActivityLog.List(visit.Session, new ActivityFilter(null, null, null, null, null, null, null, Shown), ct);
        return await visit.Page<SystemPage>("system", new SystemView(
            health!, await doors.Work.Overview(ct), await doors.Rotation.InUse(ct), doors.Renewal.Backlog, activity.Items));
    }
}

/// <summary>What the page asks.</summary>
internal sealed record SystemDoors(
    Database Database, KeyHealth Keys, WorkerPulse Workers, SealWatch Audit, DiskWatch Disk, HoleWatch Holes, TimeProvider Time, DueWork Work, KeyRotation Rotation, RenewalJob Renewal);
