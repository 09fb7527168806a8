using Lockstep.Crypto;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>What is kept in clear beside the sealed tokens.</summary>
/// <param name="CanRefresh">There is a refresh token; then endpoint, client id and <paramref name="RefreshAt"/> are there too.</param>
/// <param name="Faults">What reading it found wrong, told together with what else is.</param>
internal sealed record NewGrant(
    string? TokenEndpoint, string? ClientId, string? Scope, AuthStyle Style, bool CanRefresh, Instant? ExpiresAt, Instant RefreshAt, FieldErrors Faults);

/// <summary>A value as it was given: plain, or the tokens of a grant.</summary>
/// <param name="value">What is sealed.</param>
/// <param name="grant">Null for a plain value.</param>
/// <param name="parts">Of which <paramref name="value"/> was made; cleared with it.</param>
internal sealed class GivenValue(Secret value, NewGrant? grant, params Secret?[] parts) : IDisposable
{
    public Secret Value => value;

    public NewGrant? Grant => grant;

    public void Dispose()
    {
        value.Dispose();
        foreach (var part in parts)
            part?.Dispose();
    }
}
