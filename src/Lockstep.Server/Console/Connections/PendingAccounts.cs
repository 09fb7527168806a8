using System.Collections.Concurrent;
using Lockstep.Crypto;

namespace Lockstep.Server.Console.Connections;

/// <summary>An account that was signed in to and is not connected yet: between the two pages of the wizard.</summary>
/// <param name="Session">Of the console, or of a link.</param>
internal sealed record PendingAccount(Guid Session, string Provider, string Url, string Username, Secret Password, Integrations.DiscoverAnswer Found, long At);

/// <summary>Keeps passwords between "find my calendars" and "connect", in memory for ten minutes, so that none ever stands in a page.</summary>
/// <remarks>Another node, or this one after a restart, does not know it: the wizard then asks for the password once more.</remarks>
internal sealed class PendingAccounts(TimeProvider time) : IDisposable
{
    private const int Most = 1_000;
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<Guid, PendingAccount> pending = new();

    public Guid Keep(Guid session, string provider, string url, string username, Secret password, Integrations.DiscoverAnswer found)
    {
        Forget(one => time.GetElapsedTime(one.At) > Life);
        if (pending.Count >= Most)
            Forget(_ => true);
        var id = Guid.CreateVersion7();
        pending[id] = new PendingAccount(session, provider, url, username, password, found, time.GetTimestamp());
        return id;
    }

    /// <returns>Null for what is not there any more, or is another session's.</returns>
    public PendingAccount? Find(Guid session, string id) =>
        Guid.TryParse(id, out var key) && pending.TryGetValue(key, out var one) && one.Session == session && time.GetElapsedTime(one.At) <= Life ? one : null;

    public void Remove(string id)
    {
        if (Guid.TryParse(id, out var key) && pending.TryRemove(key, out var one))
            one.Password.Dispose();
    }

    public void Dispose() => Forget(_ => true);

    private void Forget(Func<PendingAccount, bool> which)
    {
        foreach (var (id, _) in pending.Where(one => which(one.Value)).ToList())
            if (pending.TryRemove(id, out var gone))
                gone.Password.Dispose();
    }
}
