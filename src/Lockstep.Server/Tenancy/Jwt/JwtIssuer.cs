using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using NodaTime;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Makes HS256 tokens with the secret of this installation, for <c>lockstep token</c> and local sign-in.</summary>
internal sealed class JwtIssuer
{
    // {"alg":"HS256","typ":"JWT"}
    private static readonly string Header = Base64Url.EncodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"u8);

    private readonly JwtOptions options;
    private readonly TimeProvider time;
    private readonly HmacKey key;

    /// <exception cref="ArgumentException">The options hold no secret.</exception>
    public JwtIssuer(JwtOptions options, TimeProvider time)
    {
        this.options = options;
        this.time = time;
        key = options.Secret is { } secret
            ? new HmacKey(secret.Span)
            : throw new ArgumentException("Without LOCKSTEP_JWT_SECRET no token can be made here; set it, or get one from your identity provider.");
    }

    /// <summary>Makes a token that is valid from now on.</summary>
    /// <param name="email">Null leaves it out.</param>
    /// <param name="role"><see cref="JwtClaims.Authenticated"/> or <see cref="JwtClaims.ServiceRole"/>.</param>
    /// <param name="ttl">One second or more; whole seconds count.</param>
    /// <param name="issuer">Null takes the configured issuer, so that this installation accepts its own tokens.</param>
    /// <param name="audience">Null takes the configured audience.</param>
    /// <param name="emailVerified">Whether somebody has shown that the address is theirs, or the operator vouches for it.</param>
    /// <exception cref="ArgumentException">No verifier would accept such a token.</exception>
    public string Issue(
        string subject,
        string? email,
        string role,
        Duration ttl,
        string? issuer = null,
        string? audience = null,
        bool emailVerified = false)
    {
        if (subject.Length is 0 or > JwtClaims.MaximumSubjectLength || subject.Contains('\0'))
            throw new ArgumentException($"A subject has 1 to {JwtClaims.MaximumSubjectLength} characters.", nameof(subject));
        if (role is not (JwtClaims.Authenticated or JwtClaims.ServiceRole))
            throw new ArgumentException($"A role is {JwtClaims.Authenticated} or {JwtClaims.ServiceRole}.", nameof(role));
        if (ttl < Duration.FromSeconds(1))
            throw new ArgumentException("A token must be valid for a second or more.", nameof(ttl));

        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var payload = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(payload))
        {
            json.WriteStartObject();
            if ((issuer ?? options.Issuer) is { } iss)
                json.WriteString("iss", iss);
            json.WriteString("sub", subject);
            if ((audience ?? options.Audience) is { } aud)
                json.WriteString("aud", aud);
            json.WriteString("role", role);
            if (email is not null)
            {
                json.WriteString("email", email);
                json.WriteBoolean("email_verified", emailVerified);
            }

            json.WriteNumber("iat", now);
            json.WriteNumber("exp", now + (long)ttl.TotalSeconds);
            json.WriteEndObject();
        }

        var signingInput = $"{Header}.{Base64Url.EncodeToString(payload.WrittenSpan)}";
        return $"{signingInput}.{Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(signingInput)))}";
    }
}
