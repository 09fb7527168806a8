using System.Net;
using Lockstep.Server.Postgres;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>What an operator sees when the database's disk is full.</summary>
public sealed class FullDiskTests(PostgresServer postgres)
{
    [Fact]
    public async Task Health_says_so_reading_goes_on_and_storing_is_a_503()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var app = new LockstepApp(postgres);
        await app.InitializeAsync();
        var client = app.As("u");
        await client.StoreAsync("k", "a-secret-value");
        (await app.Anonymous().GetAsync("/health", ct).ShouldBeAsync(HttpStatusCode.OK)).Text("status").ShouldBe("ok");
        await using (var connection = await app.ConnectAsync())
        await using (var command = new NpgsqlCommand(
            """
            CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END';
            CREATE TRIGGER full_disk BEFORE INSERT ON lockstep.credentials FOR EACH ROW EXECUTE FUNCTION public.full_disk()
            """,
            connection))
            await command.ExecuteNonQueryAsync(ct);

        await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" }).ShouldBeProblemAsync(503, "disk_full");

        await client.GetAsync("/v1/credentials", ct).ShouldBeAsync(HttpStatusCode.OK);
        // It can still do most of its work: nobody takes the node out.
        var health = await app.Anonymous().GetAsync("/health", ct).ShouldBeAsync(HttpStatusCode.OK);
        health.Text("status").ShouldBe("degraded");
        health["checks"]!.Text("database").ShouldContain("disk is full");
    }

    [Fact]
    public void It_is_taken_for_mended_a_minute_after_the_last_refusal()
    {
        var time = new FakeTime();
        var disk = new DiskWatch(time);
        disk.Note(new PostgresException("x", "ERROR", "ERROR", PostgresErrorCodes.UniqueViolation));
        disk.Alarm.ShouldBeNull();
        disk.Note(new PostgresException("x", "ERROR", "ERROR", PostgresErrorCodes.DiskFull));
        time.Advance(TimeSpan.FromSeconds(50));
        disk.Alarm.ShouldNotBeNull();
        disk.Note(new PostgresException("x", "ERROR", "ERROR", PostgresErrorCodes.DiskFull));
        time.Advance(TimeSpan.FromSeconds(50));
        disk.Alarm.ShouldNotBeNull();
        time.Advance(TimeSpan.FromSeconds(11));
        disk.Alarm.ShouldBeNull();
    }
}
