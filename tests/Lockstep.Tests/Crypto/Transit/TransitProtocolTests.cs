using System.Text;
using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Tests.Support.Transit;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto.Transit;

/// <summary>What holds on every server that speaks the protocol; run on a real one too where LOCKSTEP_TEST_TRANSIT_ADDR names it.</summary>
public sealed class TransitProtocolTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    public static TheoryData<string> Servers => [.. TransitTarget.Kinds];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_data_key_comes_back_as_it_went_and_only_in_its_own_row(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var wrapper = new TransitKeyWrapper(engine);
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        wrapped.ShouldSatisfyAllConditions(
            w => w.Provider.ShouldBe("transit"), w => w.KeyVersion.ShouldBe($"{name}:1"), w => w.Text.ShouldStartWith("vault:v1:"));

        using (var back = (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key)
            back.Key.RevealBytes().ShouldBe(key.Key.RevealBytes());
        DataKeyName[] others = [KeyName with { Tenant = "user:two" }, KeyName with { Id = Place.EntityId }, KeyName with { Version = 2 }];
        foreach (var other in others)
            (await wrapper.Unwrap(other, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Damaged>();
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task After_a_rotation_old_ones_open_and_a_batch_is_wrapped_anew_each_for_itself(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var wrapper = new TransitKeyWrapper(engine);
        var keys = Enumerable.Range(1, 5).Select(i => DataKey.Generate(KeyName with { Version = i })).ToList();
        var wrapped = (await wrapper.WrapAll(keys, Ct)).Select((outcome, i) =>
            new WrappedDataKey(keys[i].Name, outcome.ShouldBeOfType<WrapOutcome.Wrapped>().Key)).ToList();
        await target.RotateAsync(name);
        (await wrapper.Unwrap(keys[0].Name, wrapped[0].Wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key.Dispose();

        // The third was changed, the fifth stands in another row: the other three are renewed all the same.
        wrapped[2] = wrapped[2] with { Wrapped = wrapped[2].Wrapped with { Text = Flip(wrapped[2].Wrapped.Text, 2, 200) } };
        wrapped[4] = wrapped[4] with { Name = wrapped[4].Name with { Tenant = "user:thief" } };
        var renewed = await wrapper.Rewrap(wrapped, Ct);
        renewed[2].ShouldBeOfType<WrapOutcome.Damaged>();
        renewed[4].ShouldBeOfType<WrapOutcome.Damaged>();
        foreach (var i in new[] { 0, 1, 3 })
        {
            var anew = renewed[i].ShouldBeOfType<WrapOutcome.Wrapped>().Key;
            anew.KeyVersion.ShouldBe($"{name}:2");
            using var back = (await wrapper.Unwrap(keys[i].Name, anew, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key;
            back.Key.RevealBytes().ShouldBe(keys[i].Key.RevealBytes());
        }
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_key_below_the_oldest_usable_version_is_the_operators_matter_not_damage(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var wrapper = new TransitKeyWrapper(engine);
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await wrapper.Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        await target.RotateAsync(name);
        await target.PostAsync($"transit/keys/{name}/config", new { min_decryption_version = 2 });
        (await wrapper.Unwrap(KeyName, wrapped, Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>().Trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
        var ahead = wrapped with { KeyVersion = $"{name}:9", Text = wrapped.Text.Replace("vault:v1:", "vault:v9:", StringComparison.Ordinal) };
        (await wrapper.Unwrap(KeyName, ahead, Ct)).ShouldBeOfType<UnwrapOutcome.Unavailable>().Trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_key_that_is_not_derived_or_not_there_is_refused_before_anything_is_sent(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        using var plain = target.Engine(await target.NewKeyAsync(derived: false));
        (await plain.Check(Ct)).ShouldNotBeNull().ShouldSatisfyAllConditions(
            trouble => trouble.Kind.ShouldBe(KeyTroubleKind.Refused), trouble => trouble.Reason.ShouldContain("derived=true"));
        using var missing = target.Engine("lockstep-test-missing");
        (await missing.Check(Ct)).ShouldNotBeNull().Reason.ShouldContain("no key 'lockstep-test-missing'");
        using var key = DataKey.Generate(KeyName);
        (await new TransitKeyWrapper(missing).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Unavailable>().Trouble.Kind.ShouldBe(KeyTroubleKind.Refused);
        target.Fake?.Count("encrypt").ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_newer_key_takes_over_from_an_older_one(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var (older, newer) = (await target.NewKeyAsync(), await target.NewKeyAsync());
        using var before = target.Engine(older);
        using var key = DataKey.Generate(KeyName);
        var wrapped = (await new TransitKeyWrapper(before).Wrap(key, Ct)).ShouldBeOfType<WrapOutcome.Wrapped>().Key;

        using var both = target.Engine(newer, older);
        var wrapper = new TransitKeyWrapper(both);
        (await wrapper.IsNewest(wrapped, Ct)).ShouldBe(false);
        var moved = (await wrapper.Rewrap([new WrappedDataKey(KeyName, wrapped)], Ct))[0].ShouldBeOfType<WrapOutcome.Wrapped>().Key;
        moved.KeyVersion.ShouldBe($"{newer}:1");
        (await wrapper.IsNewest(moved, Ct)).ShouldBe(true);
        using var after = target.Engine(newer);
        (await new TransitKeyWrapper(after).Unwrap(KeyName, moved, Ct)).ShouldBeOfType<UnwrapOutcome.Unwrapped>().Key.Dispose();
        (await new TransitKeyWrapper(after).Unwrap(KeyName, wrapped, Ct)).ShouldBe(new UnwrapOutcome.UnknownKey($"{older}:1"));
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Values_of_every_kind_come_back_byte_for_byte_and_open_nowhere_else(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var values = new TransitValues(engine);
        foreach (var text in new[] { "x", "vault:v1:AAAA", "pässwörd 🔑\r\n\0", new string('k', 65536) })
        {
            using var value = Secret.FromText(text);
            var made = (await values.Seal(Place, value, Ct)).ShouldBeOfType<TransitValueOutcome.Sealed>().Value;
            made.Text.ShouldNotContain(text.Length > 4 ? text : "(none)");
            using (var back = (await values.Open(Place, made, Ct)).ShouldBeOfType<TransitValueOutcome.Opened>().Value)
                back.RevealText().ShouldBe(text);
            SealContext[] others = [Place with { Tenant = "user:two" }, Place with { EntityId = KeyName.Id }, Place with { Field = "token" }, Place with { Version = 4 }];
            foreach (var other in others)
                (await values.Open(other, made, Ct)).ShouldBeOfType<TransitValueOutcome.Damaged>();
        }
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Other_spellings_of_the_same_ciphertext_are_refused_although_the_server_would_take_them(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var values = new TransitValues(engine);
        using var value = Secret.FromText("a secret value");
        var made = (await values.Seal(Place, value, Ct)).ShouldBeOfType<TransitValueOutcome.Sealed>().Value;
        foreach (var prefix in new[] { "vault:v0:", "vault:v01:", "vault:v+1:", "vault:v 1:", "VAULT:v1:", "vault:v1::", "vault:v1000000000:", "vault:v:" })
        {
            var spelled = made with { Text = prefix + made.Text["vault:v1:".Length..] };
            (await values.Open(Place, spelled, Ct)).ShouldBeOfType<TransitValueOutcome.Damaged>(prefix);
        }
        (await values.Open(Place, made with { Version = 2 }, Ct)).ShouldBeOfType<TransitValueOutcome.Damaged>();
        (await values.Open(Place, made with { Key = "../../sys/seal" }, Ct)).ShouldBeOfType<TransitValueOutcome.Damaged>();
        for (var cut = 12; cut <= 15; cut++)
        {
            var bytes = Convert.FromBase64String(made.Text["vault:v1:".Length..]);
            var shorter = made with { Text = "vault:v1:" + Convert.ToBase64String(bytes[..^(16 - cut)]) };
            (await values.Open(Place, shorter, Ct)).ShouldBeOfType<TransitValueOutcome.Damaged>();
        }
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Values_are_renewed_in_a_batch_that_carries_ciphertext_alone(string server)
    {
        await using var target = await TransitTarget.OpenAsync(server);
        var name = await target.NewKeyAsync();
        using var engine = target.Engine(name);
        var values = new TransitValues(engine);
        using var value = Secret.FromBytes(Encoding.UTF8.GetBytes("a secret value"));
        var sealedValues = new List<(SealContext Context, TransitValue Value)>();
        for (var i = 1; i <= 3; i++)
            sealedValues.Add((Place with { Version = i }, (await values.Seal(Place with { Version = i }, value, Ct)).ShouldBeOfType<TransitValueOutcome.Sealed>().Value));
        await target.RotateAsync(name);
        sealedValues[1] = sealedValues[1] with { Context = Place with { Version = 9 } };
        var renewed = await values.Renew(sealedValues, Ct);
        renewed[1].ShouldBeOfType<TransitValueOutcome.Damaged>();
        var third = renewed[2].ShouldBeOfType<TransitValueOutcome.Sealed>().Value;
        third.Version.ShouldBe(2);
        using var back = (await values.Open(Place with { Version = 3 }, third, Ct)).ShouldBeOfType<TransitValueOutcome.Opened>().Value;
        back.RevealText().ShouldBe("a secret value");
        target.Fake?.Requests.Where(request => request.Path.Contains("/rewrap/", StringComparison.Ordinal)).ShouldAllBe(request => !request.Carries("plaintext"));
    }
}
