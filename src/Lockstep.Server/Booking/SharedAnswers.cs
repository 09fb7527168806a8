using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>Finds the answer to a question once for all who ask it at the same time or soon after.</summary>
/// <param name="kept">How long an answer serves others. A failure serves only those who wait for it.</param>
/// <param name="most">Answers that are kept; those being found out come on top.</param>
/// <param name="atOnce">Questions that are worked on at a time; others wait their turn.</param>
internal sealed class SharedAnswers<TQuestion, TAnswer>(TimeProvider time, Duration kept, int most, int atOnce) : IDisposable
    where TQuestion : notnull
{
    private readonly Lock gate = new();
    private readonly Dictionary<TQuestion, Entry> entries = [];
    private readonly SemaphoreSlim turns = new(atOnce, atOnce);

    /// <param name="find">Its token is cancelled when nobody waits for the answer any more.</param>
    public async Task<TAnswer> Get(TQuestion question, Func<CancellationToken, Task<TAnswer>> find, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var entry = Join(question, find);
        try
        {
            return await entry.Answer.WaitAsync(ct);
        }
        finally
        {
            Leave(question, entry);
        }
    }

    public void Dispose() => turns.Dispose();

    private Entry Join(TQuestion question, Func<CancellationToken, Task<TAnswer>> find)
    {
        lock (gate)
        {
            if (!entries.TryGetValue(question, out var entry) || !Serves(entry))
            {
                MakeRoom();
                entries[question] = entry = new Entry();
                entry.Answer = Task.Run(() => FindOut(entry, find));
            }
            entry.Waiting++;
            return entry;
        }
    }

    private async Task<TAnswer> FindOut(Entry entry, Func<CancellationToken, Task<TAnswer>> find)
    {
        await turns.WaitAsync(entry.Stop.Token);
        try
        {
            // A turn that comes free in the same moment wins over the cancellation.
            entry.Stop.Token.ThrowIfCancellationRequested();
            return await find(entry.Stop.Token);
        }
        finally
        {
            turns.Release();
        }
    }

    private void Leave(TQuestion question, Entry entry)
    {
        lock (gate)
        {
            entry.Waiting--;
            var answered = entry.Answer.IsCompletedSuccessfully;
            if (answered)
                entry.Until ??= Now + kept;
            else if ((entry.Waiting == 0 || entry.Answer.IsCompleted) && entries.TryGetValue(question, out var current) && current == entry)
                entries.Remove(question);
            if (answered || entry.Waiting > 0)
                return;
        }
        entry.Stop.Cancel();
    }

    private bool Serves(Entry entry) => !entry.Answer.IsCompleted || (entry.Answer.IsCompletedSuccessfully && (entry.Until is not { } until || Now < until));

    private void MakeRoom()
    {
        if (entries.Count < most)
            return;
        foreach (var (question, _) in entries.Where(entry => !Serves(entry.Value)).ToList())
            entries.Remove(question);
        foreach (var (question, _) in entries.Where(entry => entry.Value.Answer.IsCompleted).OrderBy(entry => entry.Value.Until).Take(entries.Count - most + 1).ToList())
            entries.Remove(question);
    }

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    private sealed class Entry
    {
        public CancellationTokenSource Stop { get; } = new();

        public Task<TAnswer> Answer { get; set; } = null!;

        public int Waiting { get; set; }

        /// <summary>Null until the first who waited has it.</summary>
        public Instant? Until { get; set; }
    }
}
