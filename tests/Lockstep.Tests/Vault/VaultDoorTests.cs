using System.Diagnostics.Metrics;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

/// <summary>What other slices and the worker rely on, at the door itself.</summary>
public sealed class VaultDoorTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly AsyncLocal<StrongCount?> Counted = new();

    private CredentialVault Vault => app.Services.GetRequiredService<CredentialVault>();

    [Fact]
    public async Task Each_operation_is_one_round_trip_and_a_change_of_the_value_two()
    {
        var session = await SessionAsync("trips");
        using var value = Secret.FromText("a-secret-value");
        var ct = TestContext.Current.CancellationToken;
        var first = await StoreAsync(session, "first", value);
        CredentialId id = default;
        (await TripsOf(async () => id = await StoreAsync(session, "second", value))).ShouldBe(1);
        (await TripsOf(async () => (await Vault.Reveal(session, id, "count", ct)).ShouldBeOfType<RevealOutcome.Revealed>().Value.Dispose())).ShouldBe(1);
        (await TripsOf(async () => (await Vault.RevealForSync(session, id, ct)).ShouldBeOfType<RevealOutcome.Revealed>().Value.Dispose())).ShouldBe(1);
        (await TripsOf(() => Vault.Get(session, id, ct))).ShouldBe(1);
        (await TripsOf(() => Vault.List(session, new CredentialFilter(null, null, null, null, null, 10), ct))).ShouldBe(1);
        (await TripsOf(() => Vault.Versions(session, id, ct))).ShouldBe(1);
        (await TripsOf(() => Vault.Rotate(session, id, value, null, ct))).ShouldBe(2);
        (await TripsOf(() => Vault.Revoke(session, id, ct))).ShouldBe(1);
        (await TripsOf(() => Vault.Delete(session, first, ct))).ShouldBe(1);
    }

    [Fact]
    public async Task The_workers_use_is_audited_once_a_version_and_stops_at_once_when_revoked()
    {
        var session = await SessionAsync("worked");
        var ct = TestContext.Current.CancellationToken;
        using var value = Secret.FromText("first-password");
        var id = await StoreAsync(session, "caldav", value);
        var worker = app.Services.GetRequiredService<Database>().For(Caller.Worker(session.Caller.RequiredUser));
        for (var i = 0; i < 3; i++)
            (await SyncValueAsync(worker, id)).ShouldBe("first-password");
        (await AccessesAsync(id)).ShouldBe(1);
        using var next = Secret.FromText("second-password");
        (await Vault.Rotate(session, id, next, 1, ct)).ShouldBeOfType<ChangeOutcome.Changed>();
        for (var i = 0; i < 3; i++)
            (await SyncValueAsync(worker, id)).ShouldBe("second-password");
        (await AccessesAsync(id)).ShouldBe(2);
        (await app.ScalarAsync<string>("SELECT DISTINCT actor || ' ' || (details ->> 'purpose') FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_ACCESSED'", id.Value))
            .ShouldBe("worker sync");
        await Vault.Revoke(session, id, ct);
        (await Vault.RevealForSync(worker, id, ct)).ShouldBeOfType<RevealOutcome.Revoked>();
    }

    [Fact]
    public async Task A_prepared_credential_is_stored_in_the_transaction_of_what_uses_it_or_not_at_all()
    {
        var session = await SessionAsync("preparer");
        var ct = TestContext.Current.CancellationToken;
        using var value = Secret.FromText("a-secret-value");
        var ready = (await Vault.Prepare(session, New("prepared", value), ct)).ShouldBeOfType<PrepareOutcome.Ready>();
        await Should.ThrowAsync<InvalidOperationException>(() => session.Transact<int>(
            async tx =>
            {
                await tx.Execute(ct, ready.Insert);
                throw new InvalidOperationException("the other half failed");
            },
            ct));
        (await Vault.Get(session, ready.Id, ct)).ShouldBeNull();
        await session.Transact(tx => tx.Execute(ct, ready.Insert), ct);
        using var revealed = (await Vault.Reveal(session, ready.Id, "check", ct)).ShouldBeOfType<RevealOutcome.Revealed>().Value;
        revealed.RevealText().ShouldBe("a-secret-value");
        (await Vault.Prepare(session, New("", value), ct)).ShouldBeOfType<PrepareOutcome.Refused>().Why.ShouldBeOfType<StoreOutcome.Invalid>();
    }

    [Fact]
    public async Task Last_use_moves_without_counting_as_a_change()
    {
        var session = await SessionAsync("used");
        var ct = TestContext.Current.CancellationToken;
        using var value = Secret.FromText("a-secret-value");
        var id = await StoreAsync(session, "k", value);
        var before = (await Vault.Get(session, id, ct))!;
        before.LastUsedAt.ShouldBeNull();
        (await Vault.Reveal(session, id, "use", ct)).ShouldBeOfType<RevealOutcome.Revealed>().Value.Dispose();
        var used = (await Vault.Get(session, id, ct))!;
        used.LastUsedAt.ShouldNotBeNull();
        used.UpdatedAt.ShouldBe(before.UpdatedAt);
        (await Vault.Reveal(session, id, "use again", ct)).ShouldBeOfType<RevealOutcome.Revealed>().Value.Dispose();
        (await Vault.Get(session, id, ct))!.LastUsedAt.ShouldBe(used.LastUsedAt);
    }

    private static NewCredential New(string name, Secret value) => new(name, "caldav", CredentialType.PASSWORD, value);

    /// <summary>Only what this call waits for: other tests run at the same time.</summary>
    private static async Task<int> TripsOf(Func<Task> work)
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "lockstep.db.round_trips")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        var count = new StrongCount();
        listener.SetMeasurementEventCallback<long>((_, measured, _, _) =>
        {
            if (Counted.Value == count)
                Interlocked.Add(ref count.Value, (int)measured);
        });
        listener.Start();
        Counted.Value = count;
        await work();
        Counted.Value = null;
        return count.Value;
    }

    private async Task<TenantSession> SessionAsync(string subject)
    {
        // A first call makes the user.
        (await app.As(subject).GetAsync("/v1/workspaces")).EnsureSuccessStatusCode();
        var user = new UserId(app.UserId(subject));
        return app.Services.GetRequiredService<Database>().For(new Caller(user, CallerRole.Authenticated, $"user:{user}"));
    }

    private async Task<CredentialId> StoreAsync(TenantSession session, string name, Secret value) => new(
        (await Vault.Store(session, New(name, value), TestContext.Current.CancellationToken)).ShouldBeOfType<StoreOutcome.Stored>().Credential.Id);

    private async Task<string> SyncValueAsync(TenantSession worker, CredentialId id)
    {
        using var value = (await Vault.RevealForSync(worker, id, TestContext.Current.CancellationToken)).ShouldBeOfType<RevealOutcome.Revealed>().Value;
        return value.RevealText();
    }

    private Task<long> AccessesAsync(CredentialId id) => app.ScalarAsync<long>(
        "SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_ACCESSED'", id.Value);

    private sealed class StrongCount
    {
        public int Value;
    }
}
