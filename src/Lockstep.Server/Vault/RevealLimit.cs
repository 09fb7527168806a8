using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Vault;

/// <summary>How many values one actor may have revealed in an hour, so that a stolen token does not empty the vault at once.</summary>
/// <remarks>
/// An hour begins with an actor's first reveal; attempts count, whatever came of them. Counted in the memory of this node: with
/// several nodes the limit holds for each of them.
/// </remarks>
internal sealed class RevealLimit(VaultOptions options, TimeProvider time)
{
    private const int TidyAbove = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);
    private static readonly TimeSpan Told = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, (long Since, int Count)> actors = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Actor, CredentialId Id), long> refusals = [];

    /// <summary>Counts one reveal.</summary>
    /// <returns>Null when it is allowed, else how long until the next one is.</returns>
    public TimeSpan? Take(string actor)
    {
        lock (gate)
        {
            if (actors.Count > TidyAbove)
                Tidy();
            var now = time.GetTimestamp();
            if (!actors.TryGetValue(actor, out var used) || time.GetElapsedTime(used.Since, now) >= Window)
                used = (now, 0);
            if (used.Count >= options.RevealLimit)
                return Window - time.GetElapsedTime(used.Since, now);
            actors[actor] = (used.Since, used.Count + 1);
            return null;
        }
    }

    /// <summary>Whether a refusal is to be audited: once a minute for each actor and credential, so that who is refused cannot fill the audit.</summary>
    public bool TellsRefusal(string actor, CredentialId id)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (refusals.TryGetValue((actor, id), out var told) && time.GetElapsedTime(told, now) < Told)
                return false;
            if (refusals.Count > TidyAbove)
            {
                foreach (var (key, at) in refusals)
                {
                    if (time.GetElapsedTime(at, now) >= Told)
                        refusals.Remove(key);
                }
            }
            refusals[(actor, id)] = now;
            return true;
        }
    }

    private void Tidy()
    {
        foreach (var (actor, used) in actors)
        {
            if (time.GetElapsedTime(used.Since) >= Window)
                actors.Remove(actor);
        }
    }
}
