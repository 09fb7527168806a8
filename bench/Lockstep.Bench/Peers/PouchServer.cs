using System.Globalization;
using System.Net;
using System.Text;
using Lockstep.Bench.Caldav;
using Lockstep.Bench.Load;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Peers;

/// <summary>pouchdb-server, which offline-first software syncs with: documents over HTTP, in LevelDB.</summary>
internal sealed class PouchServer : IAsyncDisposable
{
    public const string Name = "pouchdb-server";
    public const string Installation = "eng/install-test-deps --bench";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo folder;
    private readonly ServerProcess process;
    private readonly House house;
    private readonly IPEndPoint address;
    private long written;

    private PouchServer(DirectoryInfo folder, ServerProcess process, House house, IPEndPoint address) =>
        (this.folder, this.process, this.house, this.address) = (folder, process, house, address);

    private static string Program => Path.Combine(NpmPostgres.CacheDirectory(), "bench", "node_modules", "pouchdb-server", "bin", "pouchdb-server");

    /// <returns>Null when it is not installed.</returns>
    /// <exception cref="BenchException">It does not start.</exception>
    public static async Task<PouchServer?> Start(House house, CancellationToken ct)
    {
        if (Programs.Find("node") is not { } node || !File.Exists(Program))
            return null;
        var folder = Directory.CreateTempSubdirectory("lockstep-bench-pouch-");
        var address = new IPEndPoint(IPAddress.Loopback, ServerProcess.FreePort());
        // It writes its log and its settings where it is started.
        var process = ServerProcess.Start(
            "/usr/bin/env", "-C", folder.FullName, node, Program, "--host", "127.0.0.1", "--port", address.Port.ToString(CultureInfo.InvariantCulture), "--dir", folder.FullName, "--no-stdout-logs");
        try
        {
            await Answers(process, address, ct);
            return new PouchServer(folder, process, house, address);
        }
        catch
        {
            await process.DisposeAsync();
            folder.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>New documents, one by one or so many at once.</summary>
    /// <returns>Requests a second.</returns>
    public async Task<double> Write(int documents, RoundTrips trips, TimeSpan duration, CancellationToken ct)
    {
        // Node closes a connection that nothing came over for five seconds.
        await using var workers = await Worker.VisitAll(house, address, ct);
        return (await LoadSample.Take(workers, trips, duration, (worker, stop) => Once(worker, documents, stop), ct)).PerSecond;
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private Task Once(Worker worker, int documents, CancellationToken ct)
    {
        const string Fields = "\"title\":\"Minutes of meeting, second draft\",\"done\":false";
        var first = Interlocked.Add(ref written, documents);
        if (documents == 1)
            return worker.Ask(string.Create(CultureInfo.InvariantCulture, $"PUT /bench/n{first}"), $"{{{Fields}}}", 201, ct);
        var body = new StringBuilder("""{"docs":[""");
        for (var i = 0; i < documents; i++)
            body.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $$"""{"_id":"n{{first - i}}",{{Fields}}}""");
        return worker.Ask("POST /bench/_bulk_docs", body.Append("]}").ToString(), 201, ct);
    }

    private static async Task Answers(ServerProcess process, IPEndPoint address, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        while (true)
        {
            try
            {
                using var http = await RawHttp.Connect(address, patience.Token, anonymous: true);
                if ((await http.Send("PUT /bench", "", "{}", patience.Token)).Status == 201)
                    return;
                throw new BenchException($"{Name} made no database. {process.Output}");
            }
            catch (System.Net.Sockets.SocketException) when (!process.HasExited && !patience.IsCancellationRequested)
            {
                await Task.Delay(100, ct);
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException || e is OperationCanceledException && !ct.IsCancellationRequested)
            {
                throw new BenchException($"{Name} does not answer. {process.Output}");
            }
        }
    }
}
