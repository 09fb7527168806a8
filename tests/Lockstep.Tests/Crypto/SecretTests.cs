using System.Globalization;
using System.Text.Json;
using Lockstep.Crypto;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

public sealed class SecretTests
{
    private const string Marker = "marker-3f9a-secret";

    [Fact]
    public void A_secret_never_prints()
    {
        using var secret = Secret.FromText(Marker);
        secret.ToString().ShouldBe("***");
        $"{secret}".ShouldBe("***");
        string.Format(CultureInfo.InvariantCulture, "{0:G}", secret).ShouldBe("***");
        new Holder(secret).ToString().ShouldNotContain(Marker);
    }

    [Fact]
    public void A_secret_is_not_written_as_JSON_not_even_inside_something_else()
    {
        using var secret = Secret.FromText(Marker);
        object[] holders = [secret, new Holder(secret), new[] { secret }, new Dictionary<string, object> { ["a"] = secret }];
        foreach (var holder in holders)
            Should.Throw<NotSupportedException>(() => JsonSerializer.Serialize(holder)).ToString().ShouldNotContain(Marker);
    }

    [Fact]
    public void A_secret_is_not_read_from_JSON() =>
        Should.Throw<NotSupportedException>(() => JsonSerializer.Deserialize<Secret>($"\"{Marker}\"")).ToString().ShouldNotContain(Marker);

    [Fact]
    public void No_public_property_or_field_holds_the_value()
    {
        typeof(Secret).GetProperties().Select(property => property.Name).ShouldBe(["Length"]);
        typeof(Secret).GetFields().ShouldBeEmpty();
    }

    [Fact]
    public void Disposing_zeroes_the_bytes_and_ends_every_way_of_reading()
    {
        var owned = Secret.NewBuffer(3);
        owned.AsSpan().Fill(9);
        var secret = new Secret(owned);
        secret.Dispose();
        secret.Dispose();
        owned.ShouldBe(new byte[3]);
        Should.Throw<ObjectDisposedException>(() => secret.RevealText());
        Should.Throw<ObjectDisposedException>(() => secret.RevealBytes());
        Should.Throw<ObjectDisposedException>(() => secret.RevealTo(new byte[3]));
        secret.ToString().ShouldBe("***");
    }

    [Fact]
    public void A_secret_keeps_its_own_copy()
    {
        byte[] source = [1, 2, 3];
        using var secret = Secret.FromBytes(source);
        source.AsSpan().Clear();
        secret.RevealBytes().ShouldBe([1, 2, 3]);
        secret.RevealBytes().AsSpan().Clear();
        secret.RevealBytes().ShouldBe([1, 2, 3]);
    }

    [Fact]
    public void Text_with_half_a_surrogate_pair_is_refused_without_quoting_it()
    {
        var thrown = Should.Throw<ArgumentException>(() => Secret.FromText(Marker + "\ud83d"));
        thrown.ToString().ShouldNotContain("marker");
        thrown.ToString().ShouldNotContain("D83D");
        thrown.InnerException.ShouldBeNull();
    }

    [Fact]
    public void Bytes_that_are_no_text_are_not_quoted_when_read_as_text()
    {
        using var secret = Secret.FromBytes([0x41, 0xfe, 0x42]);
        Should.Throw<InvalidOperationException>(() => secret.RevealText()).ToString().ShouldNotContain("FE", Case.Sensitive);
        secret.RevealBytes().ShouldBe([0x41, 0xfe, 0x42]);
    }

    [Fact]
    public void Random_secrets_differ()
    {
        using var one = Secret.Random(32);
        using var two = Secret.Random(32);
        one.RevealBytes().ShouldNotBe(two.RevealBytes());
    }

    private sealed record Holder(Secret Value);
}
