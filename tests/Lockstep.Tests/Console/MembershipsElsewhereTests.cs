using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>LOCKSTEP_MEMBERSHIPS_URL, for somebody who is in the console alone.</summary>
public sealed class MembershipsElsewhereTests(PostgresServer postgres)
{
    [Fact]
    public async Task Who_is_removed_there_sees_the_workspace_no_longer_than_five_minutes()
    {
        var clock = new FakeTime(TimeProvider.System.GetUtcNow());
        await using var service = await FakeMembershipService.StartAsync();
        await using var app = new LockstepApp(postgres) { Time = clock, MembershipsUrl = new Uri(service.Url, "/base/") };
        await app.InitializeAsync();
        service.Members["leaver@example.com"] = [("org-left", "admin")];
        using var visitor = await ConsoleVisitor.SignInAsync(app, "leaver");
        (await visitor.PageAsync("/console/workspaces")).Body!.TextContent.ShouldContain("org-left");

        service.Members["leaver@example.com"] = [];
        clock.Advance(TimeSpan.FromMinutes(6));
        await app.ScalarAsync<int>("UPDATE lockstep.membership_leases SET refreshed_at = refreshed_at - interval '6 minutes', leased_until = leased_until - interval '6 minutes' RETURNING 1");

        (await visitor.PageAsync("/console/workspaces")).Body!.TextContent.ShouldNotContain("org-left");
    }
}
