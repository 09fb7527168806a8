using System.Security.Cryptography;
using Lockstep.Crypto;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

/// <summary>The texts were made with Node.js 22, <c>crypto.createCipheriv("aes-256-gcm", key, iv)</c>.</summary>
public sealed class OldBlobTests
{
    private const string Key = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";

    [Theory]
    [InlineData("cafebabefacedbaddecaf888:1b8d8b31c0c8427aaa4851ad67b968ba:d8bba2fc1780dca3a66df57f26b67bcc6f355c3e75")]
    [InlineData("yv66vvrO263eyviI:G42LMcDIQnqqSFGtZ7loug==:2Lui/BeA3KOmbfV/JrZ7zG81XD51")]
    [InlineData("\\xcafebabefacedbaddecaf888d8bba2fc1780dca3a66df57f26b67bcc6f355c3e751b8d8b31c0c8427aaa4851ad67b968ba")]
    [InlineData("cafebabefacedbaddecaf8881b8d8b31c0c8427aaa4851ad67b968bad8bba2fc1780dca3a66df57f26b67bcc6f355c3e75")]
    [InlineData("cafebabefacedbaddecaf88800010203:ab2d931b3050da6ec81bcbab1a122cc8:944da3dbe2f6e806166a93f0847dede9d13bfb61db")]
    [InlineData("yv66vvrO263eyviIAAECAw==:qy2TGzBQ2m7IG8urGhIsyA==:lE2j2+L26AYWapPwhH3t6dE7+2Hb")]
    [InlineData("\\xcafebabefacedbaddecaf88800010203944da3dbe2f6e806166a93f0847dede9d13bfb61dbab2d931b3050da6ec81bcbab1a122cc8")]
    [InlineData("cafebabefacedbaddecaf88800010203ab2d931b3050da6ec81bcbab1a122cc8944da3dbe2f6e806166a93f0847dede9d13bfb61db")]
    public void Each_old_form_opens(string text)
    {
        using var key = OldBlob.ReadKey(Key).ShouldNotBeNull();
        using var value = OldBlob.Open(key, text).ShouldNotBeNull();
        value.RevealText().ShouldBe("sk_live_old_secret_ü");
    }

    [Fact]
    public void More_than_two_blocks_open_too()
    {
        using var key = OldBlob.ReadKey(Key).ShouldNotBeNull();
        using var value = OldBlob.Open(key, "cafebabefacedbaddecaf88800010203:643e6d76922b079fa56662f45c35d440:86479dd6eae1ec38186796ce9679effad52ec5c30664091d8e3fbc692839880e75cc9d6dc6").ShouldNotBeNull();
        value.RevealText().ShouldBe(new string('a', 37));
    }

    [Fact]
    public void A_flipped_bit_anywhere_a_wrong_key_and_garbage_open_nothing()
    {
        using var key = OldBlob.ReadKey(Key).ShouldNotBeNull();
        using var other = OldBlob.ReadKey(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))).ShouldNotBeNull();
        foreach (var form in new[] { "cafebabefacedbaddecaf888:1b8d8b31c0c8427aaa4851ad67b968ba:d8bba2fc1780dca3a66df57f26b67bcc6f355c3e75", "cafebabefacedbaddecaf88800010203:ab2d931b3050da6ec81bcbab1a122cc8:944da3dbe2f6e806166a93f0847dede9d13bfb61db" })
        {
            OldBlob.Open(other, form).ShouldBeNull();
            for (var i = 0; i < form.Length; i++)
            {
                if (form[i] != ':')
                    OldBlob.Open(key, form[..i] + (form[i] == '0' ? '1' : '0') + form[(i + 1)..]).ShouldBeNull($"character {i}");
            }
        }
        foreach (var garbage in new[] { "", ":", "::", "a:b:c", "zz", "\\x", "\\xcafe", "not base64 at all", new string('0', 56) })
            OldBlob.Open(key, garbage).ShouldBeNull(garbage);
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1")]
    public void A_key_that_is_none_is_told_apart(string text) => OldBlob.ReadKey(text).ShouldBeNull();
}
