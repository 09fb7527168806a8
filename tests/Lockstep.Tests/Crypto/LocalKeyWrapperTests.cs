using Lockstep.Crypto;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto;

public sealed class LocalKeyWrapperTests
{
    private readonly LocalKeyWrapper wrapper = new(new KeyRing(Master(1)));

    [Fact]
    public void What_was_sealed_before_wrapping_opens_after_unwrapping()
    {
        var key = DataKey.Generate(KeyName);
        using var value = Secret.FromText("a secret value");
        var text = SealedValue.Seal(key, Place, value);
        var wrapped = wrapper.Wrap(key).ShouldNotBeNull();
        key.Dispose();

        using var unwrapped = wrapper.Unwrap(KeyName, wrapped).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key;
        unwrapped.Name.ShouldBe(KeyName);
        SealedValue.Open(unwrapped, Place, text).ShouldNotBeNull().RevealText().ShouldBe("a secret value");
    }

    [Fact]
    public void Generated_data_keys_differ()
    {
        using var one = DataKey.Generate(KeyName);
        using var two = DataKey.Generate(KeyName);
        one.Key.RevealBytes().ShouldNotBe(two.Key.RevealBytes());
    }

    [Fact]
    public void The_newest_key_wraps_and_its_fingerprint_is_kept_beside_the_text()
    {
        var rotated = new LocalKeyWrapper(new KeyRing(Master(2, "new"), Master(1, "old")));
        using var key = DataKey.Generate(KeyName);
        rotated.Wrap(key).ShouldNotBeNull().ShouldSatisfyAllConditions(
            wrapped => wrapped.Provider.ShouldBe("local"),
            wrapped => wrapped.KeyVersion.ShouldBe(Master(2).Fingerprint),
            wrapped => wrapped.Text.Split(':').Length.ShouldBe(3));
    }

    [Fact]
    public void After_rotation_an_older_key_still_unwraps_under_any_label()
    {
        using var key = DataKey.Generate(KeyName);
        var wrapped = wrapper.Wrap(key).ShouldNotBeNull();
        var rotated = new LocalKeyWrapper(new KeyRing(Master(2, "new"), Master(1, "another-label")));
        rotated.Unwrap(KeyName, wrapped).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key.Key.RevealBytes().ShouldBe(key.Key.RevealBytes());
    }

    [Fact]
    public void Without_a_key_nothing_is_wrapped()
    {
        using var key = DataKey.Generate(KeyName);
        new LocalKeyWrapper(new KeyRing()).Wrap(key).ShouldBeNull();
    }

    [Fact]
    public void A_missing_master_key_is_named_by_its_fingerprint()
    {
        using var key = DataKey.Generate(KeyName);
        var wrapped = wrapper.Wrap(key).ShouldNotBeNull();
        new LocalKeyWrapper(new KeyRing(Master(2))).Unwrap(KeyName, wrapped)
            .ShouldBe(new UnwrapOutcome.UnknownKey(Master(1).Fingerprint));
    }

    [Fact]
    public void A_wrapped_key_in_another_row_does_not_open()
    {
        using var key = DataKey.Generate(KeyName);
        var wrapped = wrapper.Wrap(key).ShouldNotBeNull();
        DataKeyName[] others = [KeyName with { Tenant = "user:two" }, KeyName with { Id = Place.EntityId }, KeyName with { Version = 2 }];
        foreach (var other in others)
            wrapper.Unwrap(other, wrapped).ShouldBeOfType<UnwrapOutcome.Damaged>();
    }

    [Fact]
    public void A_changed_text_provider_or_fingerprint_does_not_open()
    {
        var both = new LocalKeyWrapper(new KeyRing(Master(1), Master(2, "k2")));
        using var key = DataKey.Generate(KeyName);
        var wrapped = both.Wrap(key).ShouldNotBeNull();
        WrappedKey[] changed =
        [
            wrapped with { Provider = "transit" }, wrapped with { KeyVersion = Master(2).Fingerprint }, wrapped with { Text = "vault:v1:AAAA" },
            wrapped with { Text = Flip(wrapped.Text, 0, 5) }, wrapped with { Text = Flip(wrapped.Text, 1, 5) },
            wrapped with { Text = Flip(wrapped.Text, 2, 5) }, wrapped with { Text = Flip(wrapped.Text, 2, 300) },
        ];
        foreach (var one in changed)
            both.Unwrap(KeyName, one).ShouldBeOfType<UnwrapOutcome.Damaged>();
    }

    [Fact]
    public void A_sealed_value_is_no_wrapped_key_even_under_the_same_bytes()
    {
        using var value = Secret.Random(32);
        var text = SealedValue.Seal(Key(1), Place, value);
        wrapper.Unwrap(KeyName, new WrappedKey("local", Master(1).Fingerprint, text)).ShouldBeOfType<UnwrapOutcome.Damaged>();
    }

    [Fact]
    public void A_ring_refuses_one_key_twice() =>
        Should.Throw<ArgumentException>(() => new KeyRing(Master(1, "a"), Master(1, "b")));
}
