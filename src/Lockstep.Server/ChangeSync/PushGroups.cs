using System.Collections.Concurrent;

namespace Lockstep.Server.ChangeSync;

/// <summary>Lets pushes to one scope that arrive while another is being stored wait and go together: the scope's lock makes them wait for
/// each other anyway, and together they wait for one commit.</summary>
/// <remarks>Nothing is delayed on purpose: a push that meets nobody goes alone and at once.</remarks>
internal sealed class PushGroups
{
    private const int LargestGroup = 64;

    private readonly ConcurrentDictionary<string, Line> lines = new(StringComparer.Ordinal);

    /// <param name="key">What must not run side by side.</param>
    /// <param name="member">Two of one member are not put in one group: the second may be a retry of the first.</param>
    /// <param name="run">Stores a group and completes each push in it; must not throw.</param>
    public async Task<PushOutcome> Join(string key, string member, WaitingPush push, Func<IReadOnlyList<WaitingPush>, Task> run)
    {
        var line = Enter(key, member, push, out var leads);
        if (leads)
        {
            while (Next(key, line) is { } group)
            {
                await run(group);
                if (push.Outcome.IsCompleted && Rest(line))
                {
                    // The others of the line are theirs who wait: this request has its answer.
                    _ = Task.Run(() => Lead(key, line, run), CancellationToken.None);
                    break;
                }
            }
        }
        return await push.Outcome;
    }

    private async Task Lead(string key, Line line, Func<IReadOnlyList<WaitingPush>, Task> run)
    {
        while (Next(key, line) is { } group)
            await run(group);
    }

    private Line Enter(string key, string member, WaitingPush push, out bool leads)
    {
        while (true)
        {
            var line = lines.GetOrAdd(key, _ => new Line());
            lock (line)
            {
                if (line.Closed)
                    continue;
                leads = !line.Led;
                line.Led = true;
                line.Waiting.Add((member, push));
                return line;
            }
        }
    }

    private static bool Rest(Line line)
    {
        lock (line)
            return line.Waiting.Count > 0;
    }

    private List<WaitingPush>? Next(string key, Line line)
    {
        lock (line)
        {
            if (line.Waiting.Count == 0)
            {
                line.Closed = true;
                lines.TryRemove(new KeyValuePair<string, Line>(key, line));
                return null;
            }
            var group = line.Waiting.DistinctBy(entry => entry.Member).Take(LargestGroup).ToList();
            line.Waiting.RemoveAll(group.Contains);
            return [.. group.Select(entry => entry.Push)];
        }
    }

    private sealed class Line
    {
        public List<(string Member, WaitingPush Push)> Waiting { get; } = [];

        public bool Led { get; set; }

        public bool Closed { get; set; }
    }
}
