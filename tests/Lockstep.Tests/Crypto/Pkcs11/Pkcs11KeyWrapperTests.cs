using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Crypto.Pkcs11;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto.Pkcs11;

/// <summary>Against SoftHSM 2, the module that everybody can have.</summary>
public sealed class Pkcs11KeyWrapperTests(SoftHsm hsm, ITestOutputHelper output)
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public async Task A_data_key_comes_back_as_it_went_and_only_in_its_own_row()
    {
        var wrapper = new Pkcs11KeyWrapper(hsm.Options("k1"));
        (await wrapper.Check(Ct)).ShouldBeNull();
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        wrapped.ShouldSatisfyAllConditions(w => w.Provider.ShouldBe("pkcs11"), w => w.KeyVersion.ShouldBe("k1"), w => w.Text.Split(':').Length.ShouldBe(3));
        using (var back = (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key)
            back.Key.RevealBytes().ShouldBe(key.Key.RevealBytes());
        (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key.Text.ShouldNotBe(wrapped.Text);

        DataKeyName[] others = [KeyName with { Tenant = "user:two" }, KeyName with { Id = Place.EntityId }, KeyName with { Version = 2 }];
        foreach (var other in others)
            (await wrapper.Unwrap(other, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Damaged>();
        WrappedKey[] changed =
        [
            wrapped with { Provider = "local" }, wrapped with { Text = "vault:v1:AAAA" }, wrapped with { Text = Flip(wrapped.Text, 0, 5) },
            wrapped with { Text = Flip(wrapped.Text, 1, 5) }, wrapped with { Text = Flip(wrapped.Text, 2, 5) },
        ];
        foreach (var one in changed)
            (await wrapper.Unwrap(KeyName, one, Ct)).ShouldBeOfType<UnwrapOutcome.Damaged>();
        (await wrapper.Unwrap(KeyName, wrapped with { KeyVersion = "k2" }, Ct)).ShouldBeOfType<UnwrapOutcome.UnknownKey>();
        var both = new Pkcs11KeyWrapper(hsm.Options("k1", "k2"));
        (await both.Unwrap(KeyName, wrapped with { KeyVersion = "k2" }, Ct)).ShouldBeOfType<UnwrapOutcome.Damaged>();
    }

    [Fact]
    public async Task A_newer_key_takes_over_from_an_older_one()
    {
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await new Pkcs11KeyWrapper(hsm.Options("k1")).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        var both = new Pkcs11KeyWrapper(hsm.Options("k2", "k1"));
        (await both.Check(Ct)).ShouldBeNull();
        (await both.IsNewest(wrapped, Ct)).ShouldBe(false);
        var moved = (await both.Rewrap([new WrappedDataKey(KeyName, wrapped)], Ct))[0].ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        (await both.IsNewest(moved, Ct)).ShouldBe(true);
        using var back = (await new Pkcs11KeyWrapper(hsm.Options("k2")).Unwrap(KeyName, moved, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key;
        back.Key.RevealBytes().ShouldBe(key.Key.RevealBytes());
    }

    [Fact]
    public async Task What_is_not_there_is_told_by_the_setting_that_names_it()
    {
        (await new Pkcs11KeyWrapper(hsm.Options("k1") with { Module = "/usr/lib/no-such-module.so" }).Check(Ct))!.Reason.ShouldContain("LOCKSTEP_PKCS11_MODULE");
        (await new Pkcs11KeyWrapper(hsm.With(token: "missing")).Check(Ct))!.Reason.ShouldContain("'missing'");
        (await new Pkcs11KeyWrapper(hsm.Options("k9")).Check(Ct))!.Reason.ShouldContain("'k9'");
        (await new Pkcs11KeyWrapper(hsm.Options("twice")).Check(Ct))!.Reason.ShouldContain("or several");
        foreach (var options in new[] { hsm.Options("k9"), hsm.With(token: "missing") })
            (await new Pkcs11KeyWrapper(options).Check(Ct))!.Kind.ShouldBe(KeyTroubleKind.Refused);
    }

    [Fact]
    public async Task A_wrong_PIN_is_refused_and_not_shown()
    {
        // On a token that nobody here is logged in to: a login holds for the whole process.
        var wrapper = new Pkcs11KeyWrapper(hsm.With(token: "other", pin: "wrong-pin-99"));
        for (var i = 0; i < 3; i++)
        {
            var trouble = (await wrapper.Check(Ct)).ShouldNotBeNull();
            trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
            trouble.Reason.ShouldContain("not tried again");
            trouble.Reason.ShouldNotContain("wrong-pin");
        }
    }

    [Fact]
    public async Task Many_threads_use_it_at_once()
    {
        var wrapper = new Pkcs11KeyWrapper(hsm.Options("k1"));
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        var expected = key.Key.RevealBytes();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 250; i++)
            {
                using var back = (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key;
                back.Key.RevealBytes().ShouldBe(expected);
            }
        }));
        output.WriteLine($"2,000 unwraps on 8 threads: {2000 / watch.Elapsed.TotalSeconds:N0}/s");
    }
}
