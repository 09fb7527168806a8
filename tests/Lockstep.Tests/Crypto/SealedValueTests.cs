using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Crypto;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto;

public sealed class SealedValueTests
{
    private readonly DataKey key = Key(1);

    [Fact]
    public void Any_bytes_come_back_as_they_went_in() =>
        Holds<byte[]>(bytes =>
        {
            using var value = Secret.FromBytes(bytes);
            using var opened = SealedValue.Open(key, Place, SealedValue.Seal(key, Place, value));
            return opened!.RevealBytes().AsSpan().SequenceEqual(bytes);
        });

    [Theory]
    [InlineData("")]
    [InlineData(" \r\n\t")]
    [InlineData("\0")]
    [InlineData("🔑👩‍👩‍👧‍👦 é é")]
    [InlineData("vault:v1:AAAA")]
    [InlineData("AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA==:AAAA")]
    public void Peculiar_texts_come_back_as_they_went_in(string text)
    {
        using var value = Secret.FromText(text);
        using var opened = SealedValue.Open(key, Place, SealedValue.Seal(key, Place, value));
        opened.ShouldNotBeNull().RevealText().ShouldBe(text);
    }

    [Theory]
    [InlineData(64 * 1024)]
    [InlineData(SealedValue.MaxBytes)]
    public void Long_values_come_back_as_they_went_in(int length)
    {
        using var value = Secret.Random(length);
        using var opened = SealedValue.Open(key, Place, SealedValue.Seal(key, Place, value));
        opened.ShouldNotBeNull().RevealBytes().AsSpan().SequenceEqual(value.RevealBytes()).ShouldBeTrue();
    }

    [Fact]
    public void A_sealed_text_can_itself_be_sealed()
    {
        var inner = Seal("inner");
        using var opened = SealedValue.Open(key, Place, Seal(inner));
        opened.ShouldNotBeNull().RevealText().ShouldBe(inner);
    }

    [Fact]
    public void A_value_over_the_limit_is_refused_with_the_limit_named()
    {
        using var value = Secret.Random(SealedValue.MaxBytes + 1);
        Should.Throw<ArgumentException>(() => SealedValue.Seal(key, Place, value)).Message.ShouldContain("1048576");
    }

    [Fact]
    public void Sealing_twice_gives_two_texts() => Seal("same").ShouldNotBe(Seal("same"));

    [Fact]
    public void Opening_with_another_key_fails() => SealedValue.Open(Key(2), Place, Seal("x")).ShouldBeNull();

    [Fact]
    public void Opening_at_any_other_place_fails()
    {
        var text = Seal("x");
        Holds<(Guid Id, string Field, int Version)>(other =>
        {
            var places = new[]
            {
                Place with { EntityId = other.Id },
                Place with { Field = Valid(other.Field) },
                Place with { Version = other.Version },
                new SealContext(Place.Tenant, other.Id, Valid(other.Field), other.Version),
            };
            return places.All(place => place == Place || SealedValue.Open(key, place, text) is null);
        });
    }

    [Fact]
    public void Opening_for_another_tenant_fails_even_under_the_same_key_bytes() =>
        SealedValue.Open(Key(1, "user:two"), Place with { Tenant = "user:two" }, Seal("x")).ShouldBeNull();

    [Fact]
    public void Opening_with_the_key_of_another_tenant_than_the_place_fails()
    {
        var text = Seal("x");
        SealedValue.Open(Key(1, "user:two"), Place, text).ShouldBeNull();
        SealedValue.Open(key, Place with { Tenant = "user:two" }, text).ShouldBeNull();
    }

    [Fact]
    public void Sealing_with_the_key_of_another_tenant_is_refused()
    {
        using var value = Secret.FromText("x");
        Should.Throw<ArgumentException>(() => SealedValue.Seal(Key(1, "user:two"), Place, value));
    }

    [Fact]
    public void Text_that_moves_between_tenant_and_field_is_another_place()
    {
        using var value = Secret.FromText("x");
        var text = SealedValue.Seal(Key(1, "ab"), Place with { Tenant = "ab", Field = "c" }, value);
        SealedValue.Open(Key(1, "a"), Place with { Tenant = "a", Field = "bc" }, text).ShouldBeNull();
    }

    [Fact]
    public void A_place_with_an_unpaired_surrogate_is_refused() =>
        Should.Throw<ArgumentException>(() => SealedValue.Open(key, Place with { Field = "\ud800" }, Seal("x")));

    [Fact]
    public void Any_flipped_bit_fails()
    {
        var text = Seal("a secret value");
        for (var part = 0; part < 3; part++)
        {
            var bits = Convert.FromBase64String(text.Split(':')[part]).Length * 8;
            for (var bit = 0; bit < bits; bit++)
                SealedValue.Open(key, Place, Flip(text, part, bit)).ShouldBeNull($"part {part}, bit {bit}");
        }
    }

    [Fact]
    public void A_ciphertext_cut_at_any_place_fails()
    {
        var text = Seal("a secret value");
        for (var length = 0; length < text.Length; length++)
            SealedValue.Open(key, Place, text[..length]).ShouldBeNull();
    }

    [Fact]
    public void Any_other_text_fails() => Holds<string>(text => SealedValue.Open(key, Place, text ?? "") is null);

    [Fact]
    public void Parts_of_two_sealings_do_not_mix()
    {
        var one = Seal("one").Split(':');
        var two = Seal("two").Split(':');
        for (var mask = 1; mask < 7; mask++)
        {
            var mixed = string.Join(':', Enumerable.Range(0, 3).Select(i => ((mask >> i) & 1) == 0 ? one[i] : two[i]));
            SealedValue.Open(key, Place, mixed).ShouldBeNull();
        }
    }

    [Fact]
    public void A_disposed_key_seals_nothing()
    {
        // Zeroed bytes in place of the key would seal, silently, under a key that everybody knows.
        var disposed = Key(1);
        disposed.Dispose();
        using var value = Secret.FromText("x");
        Should.Throw<ObjectDisposedException>(() => SealedValue.Seal(disposed, Place, value));
    }

    [Fact]
    public void The_layout_is_the_documented_one()
    {
        // Built here from the framework alone, so that a change of the layout cannot pass unseen.
        byte[] place = [
            0, 0, 0, 24, .. "lockstep/sealed-value/v1"u8, 0, 0, 0, 8, .. "user:one"u8,
            0, 0, 0, 16, .. Place.EntityId.ToByteArray(bigEndian: true), 0, 0, 0, 5, .. "value"u8, 0, 0, 0, 4, 0, 0, 0, 3];
        var derived = HKDF.DeriveKey(HashAlgorithmName.SHA256, KeyBytes(1), 64, salt: [], place);
        var parts = Seal("a secret value").Split(':').Select(Convert.FromBase64String).ToArray();

        parts[2][..32].ShouldBe(derived[32..]);
        using var aes = new AesGcm(derived[..32], 16);
        var plaintext = new byte[parts[2].Length - 32];
        aes.Decrypt(parts[0], parts[2].AsSpan(32), parts[1], plaintext, place);
        Encoding.UTF8.GetString(plaintext).ShouldBe("a secret value");
    }

    private static string Valid(string? field) => string.Concat((field ?? "").Where(c => !char.IsSurrogate(c)));

    private string Seal(string text)
    {
        using var value = Secret.FromText(text);
        return SealedValue.Seal(key, Place, value);
    }
}
