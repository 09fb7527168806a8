using Lockstep.Crypto;
using Lockstep.Server.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class MaskedValueTests
{
    [Theory]
    [InlineData("API_KEY", "sk_live_abcdefghijklmnop", "sk_live_********mnop")]
    [InlineData("API_KEY", "sk_live_abcdefghijklmno", "********")]
    [InlineData("ACCESS_TOKEN", "ghp_0123456789012345678901234567890123wxyz", "ghp_********wxyz")]
    [InlineData("SECRET", "0123456789abcdef", "********cdef")]
    [InlineData("SECRET", "0123456789abcde", "********")]
    [InlineData("SECRET", "x", "********")]
    [InlineData("PASSWORD", "0123456789abcdef0123456789abcdef", "********")]
    [InlineData("CUSTOM", "correct horse battery staple", "********")]
    [InlineData("CUSTOM", "postgres://me:hunter2@example.com/database", "********")]
    [InlineData("CUSTOM", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", "********")]
    [InlineData("OAUTH_TOKEN", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "********")]
    [InlineData("SECRET", "пароль-который-длинный", "********")]
    public void At_most_the_vendors_prefix_and_the_last_four_of_a_long_token_show(string type, string value, string masked)
    {
        using var secret = Secret.FromText(value);
        MaskedValue.Of(Enum.Parse<CredentialType>(type), secret).ShouldBe(masked);
    }
}
