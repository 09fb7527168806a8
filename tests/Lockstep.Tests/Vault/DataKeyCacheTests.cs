using Lockstep.Crypto;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class DataKeyCacheTests : IDisposable
{
    private readonly FakeTime time = new();
    private readonly DataKeyCache cache;

    public DataKeyCacheTests() => cache = new(time);

    public void Dispose() => cache.Dispose();

    [Fact]
    public void A_key_is_found_by_its_id_and_the_active_one_by_its_tenant()
    {
        var (old, active) = (New("user:a"), New("user:a"));
        cache.Add(old, active: false).Dispose();
        cache.Add(active, active: true).Dispose();
        Found(cache.Active("user:a")).ShouldBe(active);
        Found(cache.Find(old.Name.Id, active: false)).ShouldBe(old);
        cache.Active("user:b").ShouldBeNull();
    }

    [Fact]
    public void A_key_is_zeroed_after_ten_minutes_even_when_nobody_asks_again()
    {
        var key = New("user:a");
        cache.Add(key, active: true).Dispose();
        time.Advance(DataKeyCache.MaxAge - TimeSpan.FromSeconds(1));
        Usable(key).ShouldBeTrue();
        time.Advance(TimeSpan.FromMinutes(1));
        cache.Count.ShouldBe(0);
        cache.Active("user:a").ShouldBeNull();
        Usable(key).ShouldBeFalse();
    }

    [Fact]
    public void A_key_in_use_outlives_its_purge_until_the_last_user_lets_go()
    {
        var key = New("user:a");
        var first = cache.Add(key, active: true);
        var second = cache.Active("user:a")!;
        cache.Purge("user:a");
        cache.Active("user:a").ShouldBeNull();
        first.Dispose();
        first.Dispose();
        Usable(key).ShouldBeTrue();
        second.Dispose();
        Usable(key).ShouldBeFalse();
    }

    [Fact]
    public void The_one_longest_unused_falls_out_when_there_are_too_many()
    {
        var first = New("user:first");
        cache.Add(first, active: true).Dispose();
        for (var i = 0; i < DataKeyCache.MaxEntries; i++)
            cache.Add(New($"user:{i}"), active: true).Dispose();
        cache.Count.ShouldBe(DataKeyCache.MaxEntries);
        cache.Active("user:first").ShouldBeNull();
        Usable(first).ShouldBeFalse();
    }

    [Fact]
    public void What_is_in_use_stays_however_many_others_come_and_goes_by_its_age_all_the_same()
    {
        var used = New("user:used");
        cache.Add(used, active: true).Dispose();
        for (var i = 0; i < DataKeyCache.MaxEntries; i++)
        {
            cache.Add(New($"user:{i}"), active: true).Dispose();
            Found(cache.Find(used.Name.Id, active: false)).ShouldBe(used);
        }
        cache.Active("user:0").ShouldBeNull();
        time.Advance(DataKeyCache.MaxAge);
        Usable(used).ShouldBeFalse();
        cache.Count.ShouldBe(0);
    }

    [Fact]
    public void Sealings_end_with_their_reservation_and_go_on_with_the_next()
    {
        var key = New("user:a");
        cache.Add(key, active: true).Dispose();
        for (var i = 1; i < DataKeyCache.SealingsReserved; i++)
            Found(cache.Active("user:a")).ShouldBe(key);
        cache.Active("user:a").ShouldBeNull();
        Found(cache.Find(key.Name.Id, active: false)).ShouldBe(key);
        Found(cache.Find(key.Name.Id, active: true)).ShouldBe(key);
        Found(cache.Active("user:a")).ShouldBe(key);
    }

    [Fact]
    public void A_key_is_unwrapped_anew_after_so_many_uses()
    {
        var key = New("user:a");
        cache.Add(key, active: false).Dispose();
        for (var i = 1; i < DataKeyCache.MaxUses; i++)
            cache.Find(key.Name.Id, active: false).ShouldNotBeNull().Dispose();
        cache.Find(key.Name.Id, active: false).ShouldBeNull();
        Usable(key).ShouldBeFalse();
    }

    [Fact]
    public void Of_two_who_unwrap_the_same_key_at_once_the_second_uses_the_first_ones()
    {
        var key = New("user:a");
        using var first = cache.Add(key, active: true);
        var copy = DataKey.Generate(key.Name);
        using var second = cache.Add(copy, active: true);
        second.Key.ShouldBe(key);
        Usable(copy).ShouldBeFalse();
    }

    private static DataKey New(string tenant) => DataKey.Generate(new DataKeyName(tenant, Guid.CreateVersion7(), 1));

    private static DataKey Found(DataKeyCache.Lease? lease)
    {
        using (lease)
            return lease!.Key;
    }

    private static bool Usable(DataKey key)
    {
        using var value = Secret.FromText("v");
        try
        {
            SealedValue.Seal(key, new SealContext(key.Tenant, key.Name.Id, "value", 1), value);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }
}
