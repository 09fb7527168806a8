using System.Text.Json;
using NodaTime;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Judges the claims of a token whose signature holds (RFC 7519 section 4.1). Pure: no clock of its own.</summary>
internal static class ClaimsReader
{
    /// <summary>How far the issuer's clock may run ahead of ours; <c>exp</c> has no leeway.</summary>
    public static readonly Duration Leeway = Duration.FromSeconds(60);

    // End of the year 9999: a later time is a mistake of unit (milliseconds), and beyond what an Instant holds soon after.
    private const double LatestSecond = 253_402_300_799;
    private const int MaximumEmailLength = 254;

    public static JwtOutcome Read(byte[] payload, JwtOptions options, Instant now)
    {
        using var document = JoseJson.ParseObject(payload);
        if (document is null)
            return Invalid(JwtFault.Malformed);
        var root = document.RootElement;
        if (!TryTime(root, "exp", out var expiresAt) || expiresAt is null
            || !TryTime(root, "nbf", out var notBefore) || !TryTime(root, "iat", out var issuedAt)
            || !root.TryText("iss", out var issuer)
            || (issuer is not null && (issuer.Length > JwtClaims.MaximumIssuerLength || issuer.Contains('\0'))))
            return Invalid(JwtFault.Malformed);

        if (now >= expiresAt)
            return Invalid(JwtFault.Expired);
        if (notBefore > now + Leeway || issuedAt > now + Leeway)
            return Invalid(JwtFault.NotYetValid);
        if (options.Issuer is not null && issuer != options.Issuer)
            return Invalid(JwtFault.WrongIssuer);
        if (options.Audience is not null && !Addresses(root, options.Audience))
            return Invalid(JwtFault.WrongAudience);
        // NUL would let two pairs of issuer and subject share an id, and PostgreSQL keeps no text that holds it.
        if (!root.TryText("sub", out var subject) || subject is null or { Length: 0 or > JwtClaims.MaximumSubjectLength }
            || subject.Contains('\0'))
            return Invalid(JwtFault.MissingSubject);
        if (!root.TryText("role", out var role) || role is not (null or JwtClaims.Authenticated or JwtClaims.ServiceRole))
            return Invalid(JwtFault.RoleNotAllowed);

        var email = Email(root);
        var verified = email is not null && root.TryGetProperty("email_verified", out var flag) && flag.ValueKind == JsonValueKind.True;
        return new JwtOutcome.Valid(
            new JwtClaims(issuer ?? "", subject, role ?? JwtClaims.Authenticated, email, verified, expiresAt.Value, issuedAt));
    }

    /// <summary>A NumericDate: seconds, fractions allowed (RFC 7519 section 2).</summary>
    private static bool TryTime(JsonElement root, string name, out Instant? time)
    {
        time = null;
        if (!root.TryGetProperty(name, out var member))
            return true;
        if (member.ValueKind != JsonValueKind.Number || !member.TryGetDouble(out var seconds) || seconds is not (>= 0 and <= LatestSecond))
            return false;
        time = Instant.FromUnixTimeTicks((long)(seconds * NodaConstants.TicksPerSecond));
        return true;
    }

    /// <summary><c>aud</c> is one text or an array of texts (RFC 7519 section 4.1.3).</summary>
    private static bool Addresses(JsonElement root, string audience)
    {
        if (!root.TryGetProperty("aud", out var member))
            return false;
        if (member.ValueKind == JsonValueKind.String)
            return member.ValueEquals(audience);
        return member.ValueKind == JsonValueKind.Array
            && member.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            && member.EnumerateArray().Any(item => item.ValueEquals(audience));
    }

    private static string? Email(JsonElement root) =>
        root.TryText("email", out var email) && email is { Length: > 0 and <= MaximumEmailLength } && !email.Any(char.IsControl)
            ? email
            : null;

    private static JwtOutcome.Invalid Invalid(JwtFault fault) => new(fault);
}
