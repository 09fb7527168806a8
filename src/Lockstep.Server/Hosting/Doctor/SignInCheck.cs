using Lockstep.Server.Tenancy.Jwt;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>Whether the identity provider's keys can be had.</summary>
internal static class SignInCheck
{
    private const string Area = "sign-in";

    public static async Task<IEnumerable<Diagnosis>> Look(Settings settings, TimeProvider time, CancellationToken ct)
    {
        if (settings.Jwt.JwksUrl is not { } address || !Uri.TryCreate(address, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return [];
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { ConnectTimeout = JwksFetch.Timeout });
        var (keys, problem) = await new JwksFetch(url, http, time).GetAsync(ct);
        return
        [
            keys is not null
                ? Diagnosis.Well(Area, "jwks", $"{url.Host} gives out its keys.")
                : Diagnosis.Fault(Area, "jwks_unreachable", $"The keys at {url.GetLeftPart(UriPartial.Path)} cannot be had, because {problem}.",
                    "Correct LOCKSTEP_JWKS_URL, and see that this machine may reach it: until then nobody signs in by a token of the identity provider."),
        ];
    }
}
