using System.Net;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>A secret that is changed, revoked or refused while a run is going on: what the run says of secrets counts for the version it signed in with.</summary>
public sealed class OvertakenRunTests(SyncedApp synced, PostgresServer postgres) : IClassFixture<SyncedApp>
{
    private static readonly SyncFailure Refused = new(FailureKind.CredentialRevoked, "refresh_failed", "Connect the account again.");
    private static readonly SyncFailure Unauthorized = new(FailureKind.Unauthorized, "caldav_unauthorized", "Wrong password.");

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_password_that_comes_while_the_server_refuses_the_former_one_is_tried_at_once()
    {
        using var hold = new SemaphoreSlim(0);
        using var reached = new SemaphoreSlim(0);
        var held = 0;
        var calendar = new FakeCalendar(synced.Fake, "/overtaken/work/");
        calendar.Instead = _ =>
        {
            if (synced.Fake.Requests.Last(request => request.Target == calendar.Path).Authorization == Basic("right"))
                return null!;
            if (Interlocked.Exchange(ref held, 1) == 0)
            {
                reached.Release();
                hold.Wait(TimeSpan.FromSeconds(30), Ct);
            }
            return FakeAnswer.Empty(401, ("WWW-Authenticate", "Basic realm=\"x\""));
        };
        var client = synced.App.As("overtaken");
        var id = (await client.ConnectAsync(calendar.Url, calendar.Path, password: "wrong")).Id();
        (await reached.WaitAsync(TimeSpan.FromSeconds(30), Ct)).ShouldBeTrue();

        await client.PatchAsync(id, """{"secret":"right"}""").ShouldBeAsync(HttpStatusCode.OK);
        hold.Release();

        var synchronised = await client.UntilAsync(id, integration => integration["lastSyncAt"] is not null);
        synchronised.Text("status").ShouldBe("active");
        synchronised["pausedReason"].ShouldBeNull();
    }

    [Fact]
    public async Task A_refusal_of_the_former_version_does_not_pause_the_next_one()
    {
        await using var one = await SignedInAsync();
        var work = (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
        // What the refused refresh writes itself, the rotation ends; then the run ends.
        await one.Database.ExecuteAsync("UPDATE lockstep.integrations SET status = 'error', paused_reason = 'credential_revoked', last_sync_error_code = 'refresh_failed'");
        await one.Database.ExecuteAsync("UPDATE lockstep.credentials SET version = 2");

        (await one.FinishAsync(work, Refused, PauseReasons.CredentialRevoked, version: 1)).ShouldBeTrue();

        (await one.Database.ScalarAsync("SELECT count(*) FROM lockstep.integrations WHERE paused_reason IS NULL AND next_sync_at <= now() AND lease_owner IS NULL")).ShouldBe(1);
        (await one.Database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log WHERE error_code = 'refresh_failed'")).ShouldBe(1);
        (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_refusal_of_the_current_version_pauses()
    {
        await using var one = await SignedInAsync();
        var work = (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
        (await one.FinishAsync(work, Unauthorized, PauseReasons.Unauthorized, version: 1)).ShouldBeTrue();
        (await one.Database.ScalarAsync("SELECT count(*) FROM lockstep.integrations WHERE paused_reason = 'unauthorized' AND status = 'error'")).ShouldBe(1);
    }

    [Theory]
    [InlineData("UPDATE lockstep.integrations SET credential_id = NULL")]
    [InlineData("UPDATE lockstep.integrations SET external_username = 'another', config_version = config_version + 1")]
    public async Task A_refusal_says_nothing_of_another_account(string change)
    {
        await using var one = await SignedInAsync();
        var work = (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
        await one.Database.ExecuteAsync(change);
        (await one.FinishAsync(work, Unauthorized, PauseReasons.Unauthorized, version: 1)).ShouldBeTrue();
        (await one.Database.ScalarAsync("SELECT count(*) FROM lockstep.integrations WHERE paused_reason IS NULL")).ShouldBe(1);
    }

    [Fact]
    public async Task A_run_that_ends_while_its_credential_is_being_rotated_neither_waits_nor_pauses_the_new_version()
    {
        await using var one = await SignedInAsync();
        var work = (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
        await using var rotating = new NpgsqlConnection(one.Database.Superuser);
        await rotating.OpenAsync(Ct);
        await using var transaction = await rotating.BeginTransactionAsync(Ct);
        await using (var rotate = new NpgsqlCommand("SELECT 1 FROM lockstep.credentials FOR NO KEY UPDATE", rotating, transaction))
            await rotate.ExecuteNonQueryAsync(Ct);

        (await one.FinishAsync(work, Unauthorized, PauseReasons.Unauthorized, version: 1)).ShouldBeTrue();

        await using (var rotate = new NpgsqlCommand("UPDATE lockstep.credentials SET version = 2", rotating, transaction))
            await rotate.ExecuteNonQueryAsync(Ct);
        await transaction.CommitAsync(Ct);
        (await one.Database.ScalarAsync("SELECT count(*) FROM lockstep.integrations WHERE paused_reason IS NULL AND next_sync_at <= now()")).ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_that_ends_well_or_ill_leaves_the_pause_of_a_credential_that_was_revoked_meanwhile(bool ill)
    {
        await using var one = await SignedInAsync();
        var work = (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
        await one.Database.ExecuteAsync("UPDATE lockstep.credentials SET is_active = false");
        (await one.FinishAsync(work, ill ? new SyncFailure(FailureKind.Transient, "caldav_unreachable", "Away.") : null, null, version: 1)).ShouldBeTrue();
        (await one.Database.ScalarAsync(
            "SELECT count(*) FROM lockstep.integrations WHERE paused_reason = 'credential_revoked' AND status = 'error' AND last_sync_error_code = 'credential_revoked'"))
            .ShouldBe(1);
        (await one.Due.Claim(1, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task More_time_for_an_expired_credential_ends_the_pause_of_its_integrations()
    {
        await using var one = await SignedInAsync();
        await one.Database.ExecuteAsync("UPDATE lockstep.integrations SET paused_reason = 'credential_revoked', next_sync_at = now() + interval '1 hour'");
        await one.Database.ExecuteAsync("UPDATE lockstep.credentials SET expires_at = now() + interval '1 day'");
        (await one.Due.Claim(1, Ct)).ShouldHaveSingleItem();
    }

    private static string Basic(string password) =>
        "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"alice:{password}"));

    private async Task<SignedIn> SignedInAsync()
    {
        var database = await OneIntegration.CreateAsync(postgres);
        await database.ExecuteAsync(
            """
            INSERT INTO lockstep.credentials (id, user_id, scope, name, provider, type, encrypted_value, key_provider, key_id, key_version, format, masked_value)
            VALUES ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000001', 'USER', 'n', 'p', 'PASSWORD', 'vault:v1:AAAA', 'transit', 'k', 1, 'v1', '***');
            UPDATE lockstep.integrations SET credential_id = '00000000-0000-7000-8000-000000000003'
            """);
        return new SignedIn(database);
    }

    private sealed record SignedIn(OneIntegration Database) : IAsyncDisposable
    {
        public DueWork Due { get; } = new(Database.Serving, "one");

        public Task<bool> FinishAsync(Work work, SyncFailure? failure, string? pause, int version) => Due.Finish(
            work,
            new SyncReport(0, 0, failure, TimeSpan.Zero, 1)
            {
                SignedInWith = new SignedInWith(new CredentialId(new Guid("00000000-0000-7000-8000-000000000003")), null, version, 1),
            },
            new NextRun(TimeSpan.FromHours(1), pause, null),
            TestContext.Current.CancellationToken);

        public ValueTask DisposeAsync() => Database.DisposeAsync();
    }
}
