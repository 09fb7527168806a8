using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Keys;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>The master keys of a test are held by the ring of each bench and disposed by nobody: benches share them.</summary>
public sealed class KeyRotationTests(PostgresServer postgres)
{
    private readonly MasterKey old = MasterKey.Generate("old");
    private readonly MasterKey next = MasterKey.Generate("next");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_rekey_the_old_master_key_may_be_dropped_and_no_value_was_sealed_anew()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var before = world.With(old);
        for (var i = 0; i < 6; i++)
            await world.StoreAsync(before, await world.UserAsync(), $"value {i}");
        var texts = await world.ScalarAsync<string>("SELECT string_agg(encrypted_value, ',' ORDER BY id) FROM lockstep.credentials");

        var both = world.With(next, old);
        var uses = await both.Get<KeyRotation>().InUse(Ct);
        uses.Single().ShouldBe(new KeyUse("local", old.Fingerprint, 6, 6, 6, AtHand: true, IsNewest: false));
        var report = await both.Get<KeyRotation>().Rewrap((_, _) => { }, Ct);
        (report.Keys, report.Rewrapped, report.AlreadyNewest, report.Stragglers.Count).ShouldBe((6, 6, 0, 0));
        (await both.Get<KeyRotation>().Rewrap((_, _) => { }, Ct)).AlreadyNewest.ShouldBe(6);

        var after = world.With(next);
        await world.AllOpenAsync(after);
        (await after.Get<KeyRotation>().InUse(Ct)).Single().ShouldBe(new KeyUse("local", next.Fingerprint, 6, 6, 6, AtHand: true, IsNewest: true));
        (await world.ScalarAsync<string>("SELECT string_agg(encrypted_value, ',' ORDER BY id) FROM lockstep.credentials")).ShouldBe(texts);
    }

    [Fact]
    public async Task A_rekey_that_is_interrupted_again_and_again_loses_nothing_and_comes_to_its_end()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        await FillAsync(world, tenants: 520);
        var server = world.With(next, old);
        var random = new Random(7);
        var interrupted = 0;
        while (true)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            // Somewhere between two statements or in one: the third page is never reached at first.
            var pages = 0;
            var most = interrupted < 5 ? random.Next(1, 3) : int.MaxValue;
            try
            {
                await world.With(next, old).Get<KeyRotation>().Rewrap((_, _) =>
                {
                    if (++pages == most)
                        stop.Cancel();
                }, stop.Token);
                break;
            }
            catch (OperationCanceledException)
            {
                interrupted++;
            }
            await world.AllOpenAsync(server);
        }
        interrupted.ShouldBe(5);
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.data_keys WHERE key_version <> '{next.Fingerprint}'")).ShouldBe(0);
        await world.AllOpenAsync(world.With(next));
    }

    [Fact]
    public async Task A_key_that_does_not_open_is_listed_and_the_others_are_done()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var bench = world.With(old);
        for (var i = 0; i < 3; i++)
            await world.StoreAsync(bench, await world.UserAsync(), $"value {i}");
        var lost = MasterKey.Generate("lost");
        await world.StoreAsync(world.With(lost), await world.UserAsync(), "under another key");
        await world.RunAsync("UPDATE lockstep.data_keys SET wrapped_key = (SELECT o.wrapped_key FROM lockstep.data_keys o ORDER BY o.id LIMIT 1) WHERE id = (SELECT id FROM lockstep.data_keys ORDER BY id OFFSET 1 LIMIT 1)");
        var report = await world.With(next, old).Get<KeyRotation>().Rewrap((_, _) => { }, Ct);
        report.Rewrapped.ShouldBe(2);
        report.Stragglers.Count.ShouldBe(2);
        report.Stragglers[0].Why.ShouldContain("changed or moved");
        report.Stragglers[1].Why.ShouldContain(lost.Fingerprint);
    }

    [Fact]
    public async Task New_data_keys_take_over_all_values_former_ones_too_and_the_old_ones_are_destroyed()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var bench = world.With(old);
        var id = await world.StoreAsync(bench, await world.UserAsync(), "first value");
        await world.RotateAsync(bench, id, "second value");
        await world.StoreAsync(bench, world.Stored[id].Owner, "another value");
        await world.StoreAsync(bench, await world.UserAsync(), "of somebody else");
        var signed = (await bench.Get<AuditChain>().Sign(await SealAsync(bench), Ct)).ShouldNotBeNull();
        var former = await world.ScalarAsync<string>("SELECT string_agg(id::text, ',' ORDER BY id) FROM lockstep.data_keys WHERE tenant <> 'system'");

        var rotation = bench.Get<KeyRotation>();
        (await rotation.ReplaceDataKeys(SystemClock.Instance.GetCurrentInstant(), (_, _) => { }, Ct)).ShouldBe(3);
        await world.AllOpenAsync(world.With(old));
        var report = await rotation.Reseal((_, _) => { }, Ct);
        (report.Values, report.Resealed, report.Dropped, report.Stragglers.Count).ShouldBe((4, 4, 2, 0));

        var fresh = world.With(old);
        await world.AllOpenAsync(fresh);
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.data_keys WHERE '{former}' LIKE '%' || id::text || '%'")).ShouldBe(0);
        (await world.ScalarAsync<int>("SELECT min(version) FROM lockstep.data_keys WHERE tenant <> 'system'")).ShouldBe(2);
        (await fresh.Get<CredentialVault>().Rollback(SealedWorld.Session(fresh, world.Stored[id].Owner), id, 1, Ct)).ShouldBeOfType<ChangeOutcome.Changed>();
        (await world.RevealAsync(fresh, id)).ShouldBe("first value");
        // A node that still seals under the old key is set right by the database.
        await world.StoreAsync(bench, world.Stored[id].Owner, "stored by a node with an old key");
        await world.AllOpenAsync(bench, except: id);
        // The key that signed the audit stays.
        (await fresh.Get<AuditVerifier>().Verify([signed], (_, _) => { }, Ct)).ShouldSatisfyAllConditions(
            audit => audit.Faults.ShouldBeEmpty(), audit => audit.Notes.ShouldNotContain(note => note.Contains("Not every signing key")));
    }

    [Fact]
    public async Task A_value_that_is_rotated_while_it_is_sealed_anew_is_not_overwritten()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var bench = world.With(old);
        var id = await world.StoreAsync(bench, await world.UserAsync(), "first value");
        var stale = await world.ScalarAsync<string>("SELECT encrypted_value FROM lockstep.credentials");
        await world.RotateAsync(bench, id, "second value");
        var key = await world.ScalarAsync<Guid>("SELECT id FROM lockstep.data_keys");
        (await world.ScalarAsync<long>($"SELECT lockstep.replace_sealed_values(ARRAY['{id}'::uuid], ARRAY[2], ARRAY['{stale}'], ARRAY['x'], ARRAY['{key}'::uuid], ARRAY[1])")).ShouldBe(0);
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.replace_wrappings(ARRAY['{key}'::uuid], ARRAY['stale'], ARRAY['local'], ARRAY['k'], ARRAY['x'])")).ShouldBe(0);
        await world.AllOpenAsync(bench);
    }

    [Fact]
    public async Task A_lost_key_is_given_up_knowingly_and_its_owners_store_anew()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var kept = await world.StoreAsync(world.With(next), await world.UserAsync(), "kept");
        var victim = await world.UserAsync();
        var before = world.With(old);
        var gone = await world.StoreAsync(before, victim, "gone");
        var bench = world.With(next);
        var rotation = bench.Get<KeyRotation>();
        var uses = await rotation.InUse(Ct);
        var lost = uses.Single(use => !use.AtHand);
        lost.Key.ShouldBe(old.Fingerprint);
        (await rotation.ValuesUnder(lost, null, Ct)).Single().ShouldSatisfyAllConditions(
            value => value.Id.ShouldBe(gone.Value), value => value.Tenant.ShouldBe($"user:{victim}"), value => value.IsCurrent.ShouldBeTrue());
        await Should.ThrowAsync<InvalidOperationException>(() => rotation.GiveUp(uses.Single(use => use.AtHand), "no", Ct));

        (await rotation.GiveUp(lost, "burnt", Ct)).ShouldBe(new GivenUp(1, 1, 0));
        (await world.RevealAsync(bench, kept)).ShouldBe("kept");
        world.Stored.Remove(gone);
        await world.StoreAsync(bench, victim, "anew");
        await world.AllOpenAsync(bench);
        (await world.ScalarAsync<string>("SELECT string_agg(action, ',' ORDER BY seq) FROM lockstep.activity_log WHERE action IN ('CREDENTIAL_LOST', 'KEY_GIVEN_UP')")).ShouldBe("CREDENTIAL_LOST,KEY_GIVEN_UP");
        (await rotation.InUse(Ct)).ShouldAllBe(use => use.AtHand);
    }

    [Fact]
    public async Task A_shredded_tenant_has_nothing_left_to_open_and_can_begin_again_beside_a_server_that_knew_its_key()
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var server = world.With(old);
        var (mine, theirs) = (await world.UserAsync(), await world.UserAsync());
        var gone = await world.StoreAsync(server, mine, "to be shredded");
        await world.RotateAsync(server, gone, "to be shredded too");
        await world.StoreAsync(server, theirs, "of somebody else");

        var operators = world.With(old);
        (await operators.Get<KeyRotation>().Shred(Tenant.Of(mine), "asked for", Ct)).ShouldBe(new GivenUp(1, 1, 0));
        (await operators.Get<KeyRotation>().Shred(Tenant.Of(new UserId(Guid.CreateVersion7())), "nobody", Ct)).ShouldBeNull();
        (await server.Get<CredentialVault>().Reveal(SealedWorld.Session(server, mine), gone, "a test", Ct)).ShouldBeOfType<RevealOutcome.NotFound>();
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.data_keys WHERE user_id = '{mine}'")).ShouldBe(0);
        world.Stored.Remove(gone);
        await world.StoreAsync(server, mine, "begun again");
        await world.AllOpenAsync(server);
        (await world.ScalarAsync<string>($"SELECT string_agg(action, ',' ORDER BY seq) FROM lockstep.activity_log WHERE user_id = '{mine}' AND action LIKE '%SHREDDED'")).ShouldBe("CREDENTIAL_SHREDDED,CREDENTIALS_SHREDDED");
    }

    private static async Task<Sealing> SealAsync(Lockstep.Server.Hosting.Workbench bench)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            if (await bench.Get<AuditChain>().SealAll(Ct) is { OldestUnsealed: null, Head: not null } sealing)
                return sealing;
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    /// <summary>Tenants with a key each, and a few whose values are looked at.</summary>
    private async Task FillAsync(SealedWorld world, int tenants)
    {
        var bench = world.With(old);
        for (var i = 0; i < 4; i++)
            await world.StoreAsync(bench, await world.UserAsync(), $"value {i}");
        await SealedRowsInBulk.FillAsync(world, old, tenants, credentialsEach: 0);
    }
}
