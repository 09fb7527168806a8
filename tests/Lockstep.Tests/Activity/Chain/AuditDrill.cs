using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity.Chain;

/// <summary>64 writers with 2,000 operations each beside the sealer of the server.</summary>
public sealed class AuditDrill(PostgresServer postgres)
{
    private const int Writers = 64;
    private const int Operations = 2_000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Category", "Long")]
    public async Task The_audit_of_many_writers_is_whole_and_one_flipped_byte_is_named()
    {
        await using var app = new LockstepApp(postgres);
        await app.InitializeAsync();
        var vault = app.Services.GetRequiredService<CredentialVault>();
        var database = app.Services.GetRequiredService<Database>();
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Write(app, database, vault, writer)));
        var wrote = clock.Elapsed;
        await UntilSealed(app);
        var sealedIn = clock.Elapsed - wrote;

        var verifier = app.Services.GetRequiredService<AuditVerifier>();
        clock.Restart();
        var report = await verifier.Verify([], (_, _) => { }, Ct);
        report.Faults.ShouldBeEmpty();
        report.Lines.ShouldBe(Writers * Operations);
        Console.WriteLine(
            $"{report.Lines} lines by {Writers} writers in {wrote.TotalSeconds:0} s ({report.Lines / wrote.TotalSeconds:0}/s); sealed {sealedIn.TotalSeconds:0.0} s after the last; verified in {clock.Elapsed.TotalSeconds:0.0} s ({report.Lines / clock.Elapsed.TotalSeconds:0}/s); {report.Checkpoints} checkpoints");

        await using (var connection = await app.ConnectAsync())
        await using (var flip = new NpgsqlCommand(
            """
            SET session_replication_role = replica;
            UPDATE lockstep.activity_log SET actor = overlay(actor PLACING translate(substr(actor, 20, 1), '0123456789abcdef-', '123456789abcdef0+') FROM 20 FOR 1)
            WHERE  id = (SELECT activity_id FROM lockstep.activity_seals WHERE position = 77777)
            """, connection))
            await flip.ExecuteNonQueryAsync(Ct);
        (await verifier.Verify([], (_, _) => { }, Ct)).Faults.Select(fault => (fault.Kind, fault.Position)).ShouldBe([("changed", 77_777L)]);
    }

    private static async Task Write(LockstepApp app, Database database, CredentialVault vault, int writer)
    {
        // A first call makes the user.
        using (await app.As($"writer-{writer}").GetAsync("/v1/workspaces", Ct)) { }
        var user = new UserId(app.UserId($"writer-{writer}"));
        var session = database.For(new Caller(user, CallerRole.Authenticated, $"user:{user}"));
        CredentialId? id = null;
        for (var done = 0; done < Operations; done++)
        {
            if (done % 100 == 0)
            {
                using var value = Secret.FromText($"value-{writer}-{done}");
                id = new(((StoreOutcome.Stored)await vault.Store(session, new($"k{done}", "p", CredentialType.SECRET, value), Ct)).Credential.Id);
                continue;
            }
            ((RevealOutcome.Revealed)await vault.Reveal(session, id!.Value, "drill", Ct)).Value.Dispose();
        }
    }

    private static async Task UntilSealed(LockstepApp app)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var waited = Stopwatch.StartNew();
        while (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_seals") < Writers * Operations)
        {
            waited.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(2));
            await tick.WaitForNextTickAsync(Ct);
        }
    }
}
