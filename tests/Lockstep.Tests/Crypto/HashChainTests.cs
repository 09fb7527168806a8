using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Crypto;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

public sealed class HashChainTests
{
    [Fact]
    public void A_link_is_the_hash_of_what_the_format_says()
    {
        byte[] expected = SHA256.HashData(
            [.. HashChain.Start, 0, 0, 0, 0, 0, 0, 1, 2, .. Encoding.UTF8.GetBytes("3:abc,-,0:,4:äö,")]);
        HashChain.Next(HashChain.Start, 258, ["abc", null, "", "äö"]).ShouldBe(expected);
    }

    [Fact]
    public void Fields_that_are_cut_differently_give_different_links() => Prop.ForAll<string, string>((left, right) =>
    {
        if (left is null || right is null || left.Length == 0)
            return true;
        var one = HashChain.Next(HashChain.Start, 1, [left, right]);
        var other = HashChain.Next(HashChain.Start, 1, [left[..^1], left[^1] + right]);
        return char.IsSurrogate(left[^1]) || !one.AsSpan().SequenceEqual(other);
    }).Check(Properties.Config);

    [Fact]
    public void A_missing_field_is_no_empty_one_and_no_dash() =>
        new[] { new string?[] { null }, [""], ["-"] }.Select(fields => Convert.ToHexString(HashChain.Next(HashChain.Start, 1, fields))).Distinct().Count().ShouldBe(3);
}

public sealed class SigningKeyTests
{
    private static readonly byte[] Message = "where the chain stood"u8.ToArray();

    [Fact]
    public void One_data_key_and_purpose_give_one_key_and_another_of_either_gives_another()
    {
        using var data = DataKey.Generate(new DataKeyName("system", Guid.CreateVersion7(), 1));
        using var other = DataKey.Generate(new DataKeyName("system", Guid.CreateVersion7(), 1));
        using var key = SigningKey.Derive(data, "a");
        using var same = SigningKey.Derive(data, "a");
        using var purpose = SigningKey.Derive(data, "b");
        using var stranger = SigningKey.Derive(other, "a");
        same.PublicKey.ShouldBe(key.PublicKey);
        new[] { key.KeyId, purpose.KeyId, stranger.KeyId }.Distinct().Count().ShouldBe(3);
        SigningKey.Verify(key.PublicKey, Message, same.Sign(Message)).ShouldBeTrue();
        SigningKey.Verify(stranger.PublicKey, Message, key.Sign(Message)).ShouldBeFalse();
    }

    [Fact]
    public void A_changed_message_a_changed_signature_and_a_key_that_is_none_do_not_verify()
    {
        using var data = DataKey.Generate(new DataKeyName("system", Guid.CreateVersion7(), 1));
        using var key = SigningKey.Derive(data, "a");
        var signature = key.Sign(Message);
        signature.Length.ShouldBe(64);
        SigningKey.Verify(key.PublicKey, "something else"u8, signature).ShouldBeFalse();
        for (var i = 0; i < signature.Length; i += 9)
        {
            signature[i] ^= 1;
            SigningKey.Verify(key.PublicKey, Message, signature).ShouldBeFalse();
            signature[i] ^= 1;
        }
        SigningKey.Verify(key.PublicKey, Message, signature.AsSpan(0, 63)).ShouldBeFalse();
        SigningKey.Verify(key.PublicKey.AsSpan()[..40], Message, signature).ShouldBeFalse();
        SigningKey.Verify([], Message, signature).ShouldBeFalse();
    }

    [Fact]
    public void A_key_of_another_curve_is_refused()
    {
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SigningKey.Verify(p384.ExportSubjectPublicKeyInfo(), Message, p384.SignData(Message, HashAlgorithmName.SHA256)).ShouldBeFalse();
    }
}
