using System.Text;

namespace Lockstep.Bench.Load;

/// <summary>One client: a connection, and the users that it alone works for.</summary>
internal sealed class Worker(House house, int number, RawHttp http) : IDisposable
{
    private readonly Dictionary<int, string> tokens = [];

    public int Number => number;

    public Random Random { get; } = new(number);

    public static async Task<Workers> ConnectAll(House house, CancellationToken ct)
    {
        var workers = new List<Worker>();
        for (var i = 0; i < BenchOptions.Clients; i++)
            workers.Add(new Worker(house, i, await RawHttp.Connect(house.Address, ct)));
        return new Workers(workers);
    }

    /// <summary>Clients without a token, of any server.</summary>
    public static async Task<Workers> VisitAll(House house, System.Net.IPEndPoint address, CancellationToken ct)
    {
        var workers = new List<Worker>();
        for (var i = 0; i < BenchOptions.Clients; i++)
            workers.Add(new Worker(house, i, await RawHttp.Connect(address, ct, anonymous: true)));
        return new Workers(workers);
    }

    /// <summary>Loads a page as a visitor does, without a token.</summary>
    public async Task Visit(string path, int length, CancellationToken ct)
    {
        var (status, body) = await http.Send($"GET {path}", "", "", ct);
        if (status != 200 || body.Length < length)
            throw new BenchException($"{path} was answered with {status} and {body.Length} bytes.");
    }

    /// <summary>A request to another server, without a token.</summary>
    public async Task Ask(string line, string body, int expected, CancellationToken ct)
    {
        var (status, answer) = await http.Send(line, "", body, ct);
        if (status != expected)
            throw new BenchException($"{line} was answered with {status} instead of {expected}: {Encoding.UTF8.GetString(answer.Span)}");
    }

    /// <summary>A user of this worker out of a block; others never touch it, so the ids of its mutations rise by one.</summary>
    public int AnyUser(UserBlock users) => users.First + Number + BenchOptions.Clients * Random.Next(users.PerWorker);

    /// <summary>Every user of this worker in a block.</summary>
    public IEnumerable<int> AllUsers(UserBlock users) => Enumerable.Range(0, users.PerWorker).Select(i => users.First + Number + BenchOptions.Clients * i);

    /// <returns>The body, valid until the next request.</returns>
    /// <exception cref="BenchException">Another status came back.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> Send(string line, int user, string body, int expected, CancellationToken ct)
    {
        if (!tokens.TryGetValue(user, out var token))
            tokens[user] = token = house.Token(user);
        var (status, answer) = await http.Send(line, token, body, ct);
        return status == expected
            ? answer
            : throw new BenchException($"{line} was answered with {status} instead of {expected}: {Encoding.UTF8.GetString(answer.Span)}");
    }

    public void Dispose() => http.Dispose();
}

/// <summary>All clients of a run.</summary>
internal sealed class Workers(IReadOnlyList<Worker> all) : IAsyncDisposable
{
    /// <summary>Does something once for every user of a block, all clients at once.</summary>
    public Task ForEachUser(UserBlock users, Func<Worker, int, Task> work) => Each(async worker =>
    {
        foreach (var user in worker.AllUsers(users))
            await work(worker, user);
    });

    public Task Each(Func<Worker, Task> work) => Task.WhenAll(all.Select(worker => Task.Run(() => work(worker))));

    public ValueTask DisposeAsync()
    {
        foreach (var worker in all)
            worker.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Users that one scenario has for itself: <see cref="First"/> and the numbers after it.</summary>
internal sealed record UserBlock(int First, int PerWorker)
{
    public int Count => PerWorker * BenchOptions.Clients;
}
