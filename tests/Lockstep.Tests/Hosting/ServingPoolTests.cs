using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>What the connections of the serving logins do by themselves.</summary>
public sealed class ServingPoolTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private TenantSession Session => app.Services.GetRequiredService<Database>().For(new Caller(new UserId(app.UserId("alice")), CallerRole.Authenticated, "test", null, null));

    /// <summary>Parsing and planning a statement costs PostgreSQL more than running it.</summary>
    [Fact]
    public async Task A_statement_is_parsed_once_a_connection()
    {
        var counts = new List<long>();
        for (var i = 0; i < 100 && !counts.Exists(count => count >= 2); i++)
            counts.AddRange(await Session.Query(new Statement("SELECT count(*) FROM pg_prepared_statements WHERE from_sql = false"), row => row.GetInt64(0), Ct));
        counts[^1].ShouldBeGreaterThanOrEqualTo(2, "the context and the statement itself stay prepared on a connection that is used again");
    }

    /// <summary>The pool resets nothing between two borrowers, so nothing may be there to be reset.</summary>
    [Fact]
    public async Task A_connection_that_is_used_again_knows_nothing_of_who_used_it_last()
    {
        (await Session.Query(new Statement("SELECT coalesce(current_setting('app.current_user_id', true), '')"), row => row.GetString(0), Ct)).ShouldHaveSingleItem().ShouldNotBeEmpty();
        for (var i = 0; i < 20; i++)
        {
            await using var connection = await app.Services.GetRequiredService<Database>().App.OpenConnectionAsync(Ct);
            await using var command = connection.CreateCommand();
            command.CommandText =
                "SELECT coalesce(current_setting('app.current_user_id', true), '') || coalesce(current_setting('request.jwt.claims', true), '') || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";
            (await command.ExecuteScalarAsync(Ct)).ShouldBe("0");
        }
    }
}
