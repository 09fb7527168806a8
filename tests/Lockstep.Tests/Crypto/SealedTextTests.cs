using Lockstep.Crypto;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto;

public sealed class SealedTextTests
{
    private static readonly string Iv = Text(12);
    private static readonly string Tag = Text(16);
    private static readonly string Encrypted = Text(40);

    [Fact]
    public void Every_well_sized_text_is_read_and_written_back_the_same()
    {
        for (var length = 32; length < 100; length++)
        {
            var text = $"{Iv}:{Tag}:{Text(length)}";
            SealedText.Parse(text).ShouldNotBeNull().ToString().ShouldBe(text);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(32)]
    public void A_tag_of_another_length_than_16_is_refused(int length) =>
        SealedText.Parse($"{Iv}:{Text(length)}:{Encrypted}").ShouldBeNull();

    [Theory]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    public void A_true_tag_that_was_cut_does_not_open(int length)
    {
        using var key = Key(1);
        using var value = Secret.FromText("a secret value");
        var parts = SealedValue.Seal(key, Place, value).Split(':');
        parts[1] = Convert.ToBase64String(Convert.FromBase64String(parts[1]), 0, length);
        SealedValue.Open(key, Place, string.Join(':', parts)).ShouldBeNull();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(11)]
    [InlineData(13)]
    [InlineData(16)]
    public void An_iv_of_another_length_than_12_is_refused(int length) =>
        SealedText.Parse($"{Text(length)}:{Tag}:{Encrypted}").ShouldBeNull();

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(31)]
    public void An_encrypted_part_shorter_than_its_commitment_is_refused(int length) =>
        SealedText.Parse($"{Iv}:{Tag}:{Text(length)}").ShouldBeNull();

    [Fact]
    public void Only_three_parts_are_read()
    {
        SealedText.Parse("").ShouldBeNull();
        SealedText.Parse("::").ShouldBeNull();
        SealedText.Parse($"{Iv}:{Tag}").ShouldBeNull();
        SealedText.Parse($"{Iv}:{Tag}:{Encrypted}:").ShouldBeNull();
        SealedText.Parse($":{Iv}:{Tag}:{Encrypted}").ShouldBeNull();
        SealedText.Parse($"vault:v1:{Encrypted}").ShouldBeNull();
    }

    [Fact]
    public void White_space_anywhere_is_refused()
    {
        var text = $"{Iv}:{Tag}:{Encrypted}";
        foreach (var space in new[] { " ", "\n", "\r", "\t" })
        {
            for (var at = 0; at <= text.Length; at++)
                SealedText.Parse(text.Insert(at, space)).ShouldBeNull();
        }
    }

    [Fact]
    public void Only_canonical_base64_is_read()
    {
        SealedText.Parse($"{Iv}:{Tag.TrimEnd('=')}:{Encrypted}").ShouldBeNull("without padding");
        SealedText.Parse($"{Iv}:{Tag}=:{Encrypted}").ShouldBeNull("too much padding");
        SealedText.Parse($"{Iv}:{Tag[..^3]}{(char)(Tag[^3] + 1)}==:{Encrypted}").ShouldBeNull("stray bits after the last byte");
        SealedText.Parse($"{Iv[..^1]}-:{Tag}:{Encrypted}").ShouldBeNull("the URL alphabet");
        SealedText.Parse($"{Iv}:{Tag}:{Encrypted[..^4]}\u00e9AA=").ShouldBeNull("not ASCII");
    }

    [Fact]
    public void A_text_longer_than_any_sealed_value_is_refused() =>
        SealedText.Parse($"{Iv}:{Tag}:{Text(SealedValue.MaxBytes + 1024)}").ShouldBeNull();

    private static string Text(int length) => Convert.ToBase64String(Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray());
}
