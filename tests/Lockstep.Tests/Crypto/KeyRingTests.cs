using Lockstep.Crypto;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto;

public sealed class KeyRingTests
{
    [Theory]
    [InlineData(null, null)]
    [InlineData("", " ")]
    public void Nothing_set_gives_an_empty_ring(string? masterKeys, string? caldavKey)
    {
        var ring = Loaded(masterKeys, caldavKey);
        ring.Keys.ShouldBeEmpty();
        ring.Newest.ShouldBeNull();
    }

    [Fact]
    public void Keys_keep_their_order_newest_first_and_the_caldav_key_comes_last()
    {
        var ring = Loaded($"new:{Setting(1)}, old:{Setting(2)}\n", Setting(3));
        ring.Keys.Select(key => key.Id).ShouldBe(["new", "old", "CALDAV_ENCRYPTION_KEY"]);
        ring.Newest.ShouldNotBeNull().Id.ShouldBe("new");
    }

    [Fact]
    public void The_caldav_key_alone_is_the_newest_in_base64_and_in_hexadecimal_the_same()
    {
        var base64 = Loaded(null, Setting(3)).Newest.ShouldNotBeNull();
        base64.Fingerprint.ShouldBe(Loaded(null, Convert.ToHexString(KeyBytes(3))).Newest!.Fingerprint);
        base64.Fingerprint.ShouldBe(Loaded(null, Convert.ToHexStringLower(KeyBytes(3))).Newest!.Fingerprint);
    }

    [Fact]
    public void The_caldav_key_may_repeat_a_master_key() =>
        Loaded($"a:{Setting(1)}", Setting(1)).Keys.Select(key => key.Id).ShouldBe(["a"]);

    [Fact]
    public void A_key_is_found_by_its_fingerprint_whatever_its_label()
    {
        var fingerprint = Loaded($"a:{Setting(1)}").Newest!.Fingerprint;
        Loaded($"z:{Setting(2)},renamed:{Setting(1)}").Find(fingerprint).ShouldNotBeNull().Id.ShouldBe("renamed");
        Loaded($"a:{Setting(2)}").Find(fingerprint).ShouldBeNull();
    }

    [Fact]
    public void A_fingerprint_is_16_digits_that_are_not_in_the_key_and_never_change()
    {
        var key = Master(1);
        key.Fingerprint.ShouldMatch("^[0-9a-f]{16}$");
        Convert.ToHexStringLower(KeyBytes(1)).ShouldNotContain(key.Fingerprint);
        Convert.ToHexStringLower(System.Security.Cryptography.HMACSHA256.HashData(KeyBytes(1), "lockstep/master-key-fingerprint/v1"u8))
            .ShouldStartWith(key.Fingerprint);
    }

    [Fact]
    public void A_generated_key_is_read_back_from_its_setting()
    {
        var key = MasterKey.Generate("k2026-11");
        using var setting = key.RevealSetting();
        var read = Loaded(setting.RevealText()).Newest.ShouldNotBeNull();
        read.ToString().ShouldBe(key.ToString());
        Should.Throw<ArgumentException>(() => MasterKey.Generate("a:b"));
    }

    [Fact]
    public void A_ring_prints_labels_and_fingerprints_only()
    {
        var ring = Loaded($"a:{Setting(1)},b:{Setting(2)}");
        ring.ToString().ShouldBe($"a ({ring.Keys[0].Fingerprint}), b ({ring.Keys[1].Fingerprint})");
    }

    [Theory]
    [InlineData("KEY1", "id:base64")]
    [InlineData("KEY1:KEY2:KEY1", "id:base64")]
    [InlineData("a:KEY1,", "key 2 of 2 is not written as id:base64")]
    [InlineData("a b:KEY1", "an id that is not usable")]
    [InlineData(":KEY1", "an id that is not usable")]
    [InlineData("KEY1:a", "an id that is not usable")]
    [InlineData("HEX1:a", "an id that is not usable")]
    [InlineData("CALDAV_ENCRYPTION_KEY:KEY1", "an id that is not usable")]
    [InlineData("a:KEY1,a:KEY2", "key 2 of 2 has the same id")]
    [InlineData("a:KEY1,b:KEY1", "key 2 of 2 is the same key")]
    [InlineData("a:CUT1", "not base64")]
    [InlineData("a:!KEY1", "not base64")]
    [InlineData("a:", "has 0 bytes, not 32")]
    [InlineData("a:c2hvcnQ=", "has 5 bytes, not 32")]
    [InlineData("a:HEX1", "has 48 bytes, not 32")]
    public void A_key_that_cannot_be_used_is_refused_with_what_is_wrong(string setting, string expected)
    {
        var filled = setting.Replace("KEY1", Setting(1), StringComparison.Ordinal).Replace("KEY2", Setting(2), StringComparison.Ordinal)
            .Replace("HEX1", Convert.ToHexString(KeyBytes(1)), StringComparison.Ordinal)
            .Replace("CUT1", Setting(1)[..^1], StringComparison.Ordinal);
        var problem = Refused(filled, null).ShouldHaveSingleItem();
        problem.ShouldStartWith("LOCKSTEP_MASTER_KEYS");
        problem.ShouldContain(expected);
    }

    [Theory]
    [InlineData("not a key")]
    [InlineData("c2hvcnQ=")]
    public void A_caldav_key_that_cannot_be_used_is_refused_by_the_name_of_its_setting(string setting) =>
        Refused(null, setting).ShouldHaveSingleItem().ShouldStartWith("CALDAV_ENCRYPTION_KEY ");

    [Fact]
    public void All_problems_are_reported_at_once() =>
        Refused($"a:{Setting(1)},b:xx,c:c2hvcnQ=", "zz").Count.ShouldBe(3);

    [Fact]
    public void No_problem_repeats_anything_that_was_set()
    {
        string[] shapes = ["{0}", "{0}:a", "a:{0}", "a:{0}:b", "a:{0}x", "{0}:{0}", "a:{0},b:{0}", " {0} , {0}"];
        Holds<(byte[] Bytes, bool Full)>(input =>
        {
            var key = input.Full ? [.. input.Bytes, .. KeyBytes(input.Bytes.Length)] : input.Bytes;
            string[] texts = [Convert.ToBase64String(key), Convert.ToHexString(key), Convert.ToHexStringLower(key)];
            return (from text in texts
                    where text.Length >= 8
                    from shape in shapes
                    let setting = shape.Replace("{0}", text, StringComparison.Ordinal)
                    from outcome in new[] { KeyRing.Parse(setting, null), KeyRing.Parse(null, setting) }
                    select outcome is not KeyRingOutcome.Refused refused
                        || !refused.Problems.Any(problem => problem.Contains(text[..8], StringComparison.OrdinalIgnoreCase)))
                .All(fine => fine);
        });
    }

    private static KeyRing Loaded(string? masterKeys, string? caldavKey = null) =>
        KeyRing.Parse(masterKeys, caldavKey).ShouldBeOfType<KeyRingOutcome.Loaded>().Ring;

    private static IReadOnlyList<string> Refused(string? masterKeys, string? caldavKey) =>
        KeyRing.Parse(masterKeys, caldavKey).ShouldBeOfType<KeyRingOutcome.Refused>().Problems;
}
