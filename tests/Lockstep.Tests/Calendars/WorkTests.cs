using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

/// <summary>The definer functions by which nodes share the work, and the guards of the table integrations.</summary>
public sealed class WorkTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    [Fact]
    public async Task Due_work_is_claimed_once_and_again_when_its_lease_has_run_out()
    {
        var mine = await Connected();

        var claims = await Task.WhenAll(Enumerable.Range(0, 4).Select(node => Claim($"node-{node}", 60)));
        claims.SelectMany(c => c).Count(c => c.Id == mine).ShouldBe(1);

        await world.Administer("UPDATE lockstep.integrations SET lease_until = now() - interval '1 second' WHERE id = $1", mine);
        (await Claim("another", 60)).ShouldContain(c => c.Id == mine);
    }

    [Fact]
    public async Task A_result_from_a_node_that_lost_its_lease_is_not_taken()
    {
        var mine = await Connected();
        var first = (await Claim("slow", 60)).Single(c => c.Id == mine);
        await world.Administer("UPDATE lockstep.integrations SET lease_until = now() - interval '1 second' WHERE id = $1", mine);
        var second = (await Claim("quick", 60)).Single(c => c.Id == mine);

        (await Finish(mine, first.Fence, null)).ShouldBeFalse();
        (await Finish(mine, second.Fence, null)).ShouldBeTrue();
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_log WHERE integration_id = $1", mine)).ShouldBe(1);
    }

    [Fact]
    public async Task The_log_keeps_200_runs_and_the_last_5_errors()
    {
        var mine = await Connected();
        for (var run = 0; run < 215; run++)
        {
            await world.Administer("UPDATE lockstep.integrations SET next_sync_at = now() WHERE id = $1", mine);
            var claim = (await Claim("node", 60)).Single(c => c.Id == mine);
            (await Finish(mine, claim.Fence, run < 8 ? "It refused the password." : null)).ShouldBeTrue();
        }

        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_log WHERE integration_id = $1", mine)).ShouldBe(205);
        (await world.Scalar<long>("SELECT count(error) FROM lockstep.sync_log WHERE integration_id = $1", mine)).ShouldBe(5);
    }

    [Theory]
    [InlineData("""{"password": "x"}""", true)]
    [InlineData("""{"nested": [{"api_key": "x"}]}""", true)]
    [InlineData("""{"url": "https://me:secret@dav.example.com/"}""", true)]
    [InlineData("""{"note": "ghp_abcdefghijklmnopqrstuvwx"}""", true)]
    [InlineData("""{"url": "https://dav.example.com/", "username": "me@example.com", "calendarPath": "", "selectedCalendarIds": ["https://dav.example.com/c/"]}""", false)]
    public async Task Configuration_that_looks_like_a_secret_is_refused_without_showing_it(string config, bool refused)
    {
        var user = await world.NewUser();

        var error = await Record.ExceptionAsync(() => Insert(user, config, null));

        if (!refused)
            error.ShouldBeNull();
        else
            error.ShouldBeOfType<PostgresException>().ShouldSatisfyAllConditions(
                e => e.ConstraintName.ShouldBe("integrations_plaintext_check"), e => e.MessageText.ShouldNotContain("ghp_"), e => e.Detail.ShouldBeNull());
    }

    [Fact]
    public async Task A_credential_of_somebody_else_is_refused_as_one_that_is_not_there()
    {
        var (alice, bob) = (await world.NewUser(), await world.NewUser());
        var credential = Guid.CreateVersion7();
        await world.Administer("INSERT INTO lockstep.data_keys (id, user_id, version, provider, key_version, wrapped_key) VALUES ($1, $2, 1, 'local', 'k', 'w')", credential, alice.Caller.RequiredUser.Value);
        await world.Administer(
            "INSERT INTO lockstep.credentials (id, user_id, scope, name, provider, type, encrypted_value, key_provider, data_key_id, key_version, format, masked_value) VALUES ($1, $2, 'USER', 'n', 'p', 'PASSWORD', 'a:b:c', 'data_key', $1, 1, 'v1', '***')",
            credential, alice.Caller.RequiredUser.Value);

        var foreign = (PostgresException)(await Record.ExceptionAsync(() => Insert(bob, Account, credential)))!;
        var unknown = (PostgresException)(await Record.ExceptionAsync(() => Insert(bob, Account, Guid.CreateVersion7())))!;

        (foreign.SqlState, foreign.ConstraintName, foreign.MessageText).ShouldBe((unknown.SqlState, unknown.ConstraintName, unknown.MessageText));
        foreign.ConstraintName.ShouldBe("integrations_credential_fkey");
        (await Insert(alice, Account, credential)).ShouldBe(1);
    }

    [Fact]
    public async Task A_run_that_failed_for_a_part_only_begins_no_backoff_and_uses_what_was_agreed_to_up()
    {
        var integration = await Connected();
        await world.Administer("UPDATE lockstep.integrations SET failures = 5, confirmed_deletions = 12 WHERE id = $1", integration);

        foreach (var (partial, failures, confirmed) in new[] { (false, 6, 12), (true, 0, 0), (true, 0, 0), (false, 1, 0) })
        {
            await world.Administer("UPDATE lockstep.integrations SET next_sync_at = now() - interval '1 day' WHERE id = $1", integration);
            var work = (await Claim("partial", 60)).Single(one => one.Id == integration);
            (await Finish(integration, work.Fence, "One of two calendars is gone.", partial)).ShouldBeTrue();
            (await world.Scalar<string>(
                "SELECT concat_ws(' ', status, failures, coalesce(confirmed_deletions, 0)) FROM lockstep.integrations WHERE id = $1", integration)).ShouldBe($"error {failures} {confirmed}");
        }
    }

    [Fact]
    public async Task Users_neither_claim_work_nor_write_the_log()
    {
        (await Record.ExceptionAsync(() => world.Alice.Query(new Statement("SELECT count(*) FROM lockstep.claim_due_work('me', 1, 60)"), row => 1, Ct)))
            .ShouldBeOfType<PostgresException>().SqlState.ShouldBe("42501");
        (await Record.ExceptionAsync(() => world.Alice.Execute(new Statement("DELETE FROM lockstep.sync_log"), Ct)))
            .ShouldBeOfType<PostgresException>().SqlState.ShouldBe("42501");
    }

    private async Task<Guid> Connected() => (await world.Connect(await world.NewUser())).Integration.Value;

    private async Task<List<(Guid Id, long Fence)>> Claim(string node, double seconds) => await world.Database.For(Caller.Service).Query(
        new Statement("SELECT id, lease_fence FROM lockstep.claim_due_work($1, 1000, $2)", node, seconds), row => (row.GetGuid(0), row.GetInt64(1)), Ct);

    private async Task<bool> Finish(Guid integration, long fence, string? error, bool partial = false) => (await world.Database.For(Caller.Service).Query(
        new Statement(
            "SELECT lockstep.finish_work($1, $2, $3, 'both', 0, 0, $4, $5, 12, 60, NULL, NULL, p_partial => $6)",
            integration, fence, Guid.CreateVersion7(), error, error is null ? null : "unauthorized", partial),
        row => row.GetBoolean(0), Ct))[0];

    private const string Account = """{"url": "https://dav.example.com/", "username": "me", "calendarPath": "", "selectedCalendarIds": []}""";

    private static Task<int> Insert(TenantSession user, string config, Guid? credential) => user.Execute(
        new Statement(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config, credential_id) VALUES ($1, $2, 'caldav', 'Mine', $3, $4::jsonb, $5)",
            Guid.CreateVersion7(), user.Caller.RequiredUser.Value, Guid.CreateVersion7().ToString(), config, credential), Ct);
}
