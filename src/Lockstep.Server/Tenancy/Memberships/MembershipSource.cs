using System.Net;
using System.Text.Json;

namespace Lockstep.Server.Tenancy.Memberships;

/// <param name="Url">Whom to ask who is where, a base address; null: our own tables.</param>
internal sealed record MembershipOptions(Uri? Url, ServiceKey Key);

/// <param name="Space">How the source calls the workspace.</param>
internal readonly record struct Membership(string Space, string Role);

/// <summary>Asks the operator's service for the memberships of one user: the mana protocol's internal endpoint, from the other side.</summary>
/// <remarks>Not behind the outbound guard: the address is the operator's.</remarks>
internal sealed class MembershipSource(MembershipOptions options, HttpMessageInvoker http, TimeProvider time)
{
    private const int LargestAnswer = 1024 * 1024;
    private const int MostMemberships = 10_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Whether memberships come from elsewhere at all.</summary>
    public bool IsElsewhere => options.Url is not null;

    /// <param name="subject">As the token names the user.</param>
    /// <returns>Null, and a reason that reads on after "because", when there is no whole answer: nothing is known then.</returns>
    public async Task<(IReadOnlyList<Membership>? Memberships, string? Problem)> Ask(string subject, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get, new Uri($"{options.Url!.AbsoluteUri.TrimEnd('/')}/api/v1/internal/users/{Uri.EscapeDataString(subject)}/memberships"));
            if (options.Key.Value is { } key)
                request.Headers.Add("x-service-key", key);
            using var response = await http.SendAsync(request, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
                return (null, $"it answered {(int)response.StatusCode}");
            await using var stream = await response.Content.ReadAsStreamAsync(either.Token);
            var buffer = new byte[LargestAnswer + 1];
            var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, either.Token);
            return length > LargestAnswer ? (null, "its answer is over 1 MiB") : Read(buffer.AsMemory(0, length));
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            return (null, $"no whole answer came within {Patience.TotalSeconds:0} seconds");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (null, $"the request failed ({e.Message})");
        }
    }

    private static (IReadOnlyList<Membership>? Memberships, string? Problem) Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("memberships", out var list)
                || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MostMemberships)
                return (null, "its answer has no list of memberships");
            var found = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in list.EnumerateArray())
            {
                if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("organizationId", out var id) || id.ValueKind != JsonValueKind.String)
                    return (null, "a membership of its answer has no organizationId");
                // What no space can be called, and what stands for the user's own data, is not a membership.
                if (id.GetString() is { Length: > 0 and <= 200 } space && !space.Contains('\0', StringComparison.Ordinal)
                    && !space.StartsWith("_personal:", StringComparison.Ordinal))
                    found[space] = entry.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String && role.GetString() is ("owner" or "admin") and var named
                        ? named
                        : "member";
            }
            return ([.. found.Select(entry => new Membership(entry.Key, entry.Value))], null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return (null, "its answer is not JSON");
        }
    }
}
