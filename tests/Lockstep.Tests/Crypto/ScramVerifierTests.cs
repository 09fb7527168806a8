using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

public sealed class ScramVerifierTests
{
    /// <summary>The exchange of RFC 7677 section 3: user "user", password "pencil".</summary>
    [Fact]
    public void The_verifier_accepts_the_proof_of_RFC_7677_and_signs_as_its_server_does()
    {
        const string salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
        const string nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        var message = Encoding.ASCII.GetBytes($"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}");
        using var password = Secret.FromText("pencil");

        var verifier = ScramVerifier.Create(password, Convert.FromBase64String(salt));

        verifier.ShouldBe(
            $"SCRAM-SHA-256$4096:{salt}$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
        var keys = verifier.Split('$')[2].Split(':').Select(Convert.FromBase64String).ToArray();
        var signature = HMACSHA256.HashData(keys[0], message);
        var proof = Convert.FromBase64String("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        SHA256.HashData(proof.Zip(signature, (a, b) => (byte)(a ^ b)).ToArray()).ShouldBe(keys[0]);
        Convert.ToBase64String(HMACSHA256.HashData(keys[1], message)).ShouldBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    [Fact]
    public void Each_verifier_has_its_own_salt_and_the_shape_that_PostgreSQL_reads()
    {
        using var password = Secret.FromText("pencil");
        var one = ScramVerifier.Create(password);
        one.ShouldMatch(@"^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$");
        one.ShouldNotBe(ScramVerifier.Create(password));
    }

    [Theory]
    [InlineData("")]
    [InlineData("tab\tmarker")]
    [InlineData("märker")]
    public void A_password_that_would_need_SASLprep_is_refused_and_not_quoted(string text)
    {
        using var password = Secret.FromText(text);
        Should.Throw<ArgumentException>(() => ScramVerifier.Create(password)).Message.ShouldNotContain("rker");
    }

    [Fact]
    public void A_role_password_is_the_same_on_every_node_and_another_for_each_role_and_secret()
    {
        using var one = Secret.FromBytes(CryptoSamples.KeyBytes(1));
        using var two = Secret.FromBytes(CryptoSamples.KeyBytes(2));
        var password = DerivedSecrets.RolePassword(one, "lockstep_app").RevealText();

        password.ShouldMatch("^[A-Za-z0-9_-]{43}$");
        DerivedSecrets.RolePassword(one, "lockstep_app").RevealText().ShouldBe(password);
        DerivedSecrets.RolePassword(one, "lockstep_service").RevealText().ShouldNotBe(password);
        DerivedSecrets.RolePassword(two, "lockstep_app").RevealText().ShouldNotBe(password);
    }

    [Fact]
    public void A_role_password_stays_what_it_was_in_earlier_releases()
    {
        byte[] info = [0, 0, 0, 25, .. "lockstep/role-password/v1"u8, 0, 0, 0, 12, .. "lockstep_app"u8];
        var expected = HKDF.DeriveKey(HashAlgorithmName.SHA256, CryptoSamples.KeyBytes(1), 32, salt: [], info);
        using var secret = Secret.FromBytes(CryptoSamples.KeyBytes(1));
        DerivedSecrets.RolePassword(secret, "lockstep_app").RevealText()
            .ShouldBe(System.Buffers.Text.Base64Url.EncodeToString(expected));
    }

    [Fact]
    public void A_short_JWT_secret_is_refused()
    {
        using var secret = Secret.FromText("only-thirty-one-bytes-of-secret");
        Should.Throw<ArgumentException>(() => DerivedSecrets.RolePassword(secret, "lockstep_app")).Message.ShouldContain("at least 32");
    }
}
