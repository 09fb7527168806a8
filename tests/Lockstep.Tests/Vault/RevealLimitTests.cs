using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class RevealLimitTests
{
    private readonly FakeTime time = new();

    [Fact]
    public void An_actor_waits_for_the_end_of_the_hour_that_the_first_reveal_began()
    {
        var limit = new RevealLimit(new VaultOptions(null, 3), time);
        limit.Take("user:a").ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(20));
        limit.Take("user:a").ShouldBeNull();
        limit.Take("user:a").ShouldBeNull();
        limit.Take("user:a").ShouldBe(TimeSpan.FromMinutes(40));
        limit.Take("user:b").ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(40));
        limit.Take("user:a").ShouldBeNull();
    }

    [Fact]
    public void The_workers_use_needs_a_new_audit_line_after_ten_minutes()
    {
        var audit = new SyncAudit(time);
        var id = CredentialId.New();
        audit.AuditedVersion(id).ShouldBeNull();
        audit.Note(id, 3);
        time.Advance(SyncAudit.Interval - TimeSpan.FromSeconds(1));
        audit.AuditedVersion(id).ShouldBe(3);
        time.Advance(TimeSpan.FromSeconds(1));
        audit.AuditedVersion(id).ShouldBeNull();
    }
}
