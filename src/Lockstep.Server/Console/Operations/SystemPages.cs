using Lockstep.Server.Activity;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Console.Log;
using Lockstep.Server.Hosting;
using Lockstep.Server.Integrations;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Operations;

/// <summary>How the installation is, for who came with a token of the service role.</summary>
internal static class SystemPages
{
    private const int Shown = 10;

    public static void Map(IEndpointRouteBuilder signedIn) => signedIn.MapGet("/system", Show);

    private static async Task<IResult> Show(ConsoleVisit visit, SystemDoors doors, CancellationToken ct)
    {
        // To a person there is no such page.
        if (!visit.SignedIn.IsOperator)
            return await visit.NotFound();
        var (health, _) = visit.Read<HealthView>(await Health.Check(doors.Database, doors.Keys, doors.Workers, doors.Audit, doors.Disk, doors.Holes, doors.Time, ct));
        var activity = await ActivityLog.List(visit.Session, new ActivityFilter(null, null, null, null, null, null, null, Shown), ct);
        return await visit.Page<SystemPage>("system", new SystemView(
            health!,
            await NodeBeat.List(doors.Database, ct),
            new SyncLook(await doors.Work.Overview(ct), await doors.Work.Lag(visit.Now - SyncLook.Span, ct), await doors.Work.Troubles(ct), await doors.Work.Held(ct)),
            new KeyLook(await doors.Rotation.InUse(ct), await doors.Rotation.Ages(ct), await doors.Renewal.Backlog(ct)),
            activity.Items,
            await ActivityWords.People(visit.Session, activity.Items, ct)));
    }
}

/// <summary>What the page asks.</summary>
internal sealed record SystemDoors(
    Database Database, KeyHealth Keys, WorkerPulse Workers, SealWatch Audit, DiskWatch Disk, HoleWatch Holes, TimeProvider Time, DueWork Work, KeyRotation Rotation, Renewal Renewal);

internal sealed record SystemView(
    HealthView Health, IReadOnlyList<Node> Nodes, SyncLook Sync, KeyLook Keys, IReadOnlyList<ActivityView> Activity, IReadOnlyDictionary<Guid, string> People);

/// <summary>The calendar sync of all nodes.</summary>
/// <param name="Lag">Of the last day, oldest first.</param>
/// <param name="Held">By node.</param>
internal sealed record SyncLook(IReadOnlyList<WorkState> Work, IReadOnlyList<LagSample> Lag, IReadOnlyList<HostTrouble> Troubles, IReadOnlyDictionary<string, long> Held)
{
    public static readonly Duration Span = Duration.FromHours(24);

    public long Connections => Work.Sum(state => state.Integrations);

    public long Waiting => Work.Sum(state => state.Overdue);

    public double Longest => Work.Count == 0 ? 0 : Work.Max(state => state.Waited);
}

/// <param name="Backlog">Keys and values that the local key stood in for, and that wait to be handed over.</param>
internal sealed record KeyLook(IReadOnlyList<KeyUse> Uses, IReadOnlyList<KeyAge> Ages, long Backlog)
{
    public long DataKeys => Uses.Sum(use => use.DataKeys);

    /// <summary>What <c>lockstep rekey</c> has done, or need not do.</summary>
    public long UnderNewest => Uses.Where(use => use.IsNewest).Sum(use => use.DataKeys);

    public long Retired => Ages.Sum(age => age.Retired);

    public long RetiredValues => Ages.Sum(age => age.RetiredValues);

    public Instant? Since(KeyUse use) => Ages.FirstOrDefault(age => age.Provider == use.Provider && age.Key == use.Key)?.Since;
}
