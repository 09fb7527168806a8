using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Caldav;

/// <summary>A real calendar server with one account and one calendar of <see cref="BenchCalendar.Events"/> events.</summary>
internal abstract class CalendarHost : IAsyncDisposable
{
    public const string User = "alice";
    public const string Password = "alicepw";
    protected static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false });

    public abstract string Name { get; }

    public abstract Uri Url { get; }

    public abstract Uri Calendar { get; }

    /// <summary>The one request that brings everything with its texts, its answer read and thrown away: the least that a first sync can be.</summary>
    public async Task ReadAll(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(new HttpMethod("REPORT"), Calendar) { Content = new StringContent(Everything, Encoding.UTF8, "application/xml") };
        request.Headers.Add("Depth", Depth);
        using var answer = await Send(request, ct);
        var body = await answer.Content.ReadAsByteArrayAsync(ct);
        if (answer.StatusCode != HttpStatusCode.MultiStatus || body.Length < BenchCalendar.Events * 100)
            throw new BenchException($"{Name} answered a REPORT of {BenchCalendar.Events} events with {(int)answer.StatusCode} and {body.Length} bytes.");
    }

    public abstract ValueTask DisposeAsync();

    protected abstract string Everything { get; }

    protected abstract string Depth { get; }

    protected static BenchException Missing(string program) => new(
        $"{program} is missing, which the first calendar sync reads from. As root: apt-get install -y --no-install-recommends {program}; "
        + $"or leave it out with --only ({string.Join(", ", BenchRun.Names)}).");

    protected Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken ct)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));
        return http.SendAsync(request, ct);
    }

    /// <summary>Sends until the server listens.</summary>
    protected async Task<HttpResponseMessage> FirstAnswer(Func<HttpRequestMessage> request, ServerProcess process, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        while (true)
        {
            try
            {
                using var message = request();
                return await Send(message, patience.Token);
            }
            catch (HttpRequestException) when (!process.HasExited && !patience.IsCancellationRequested)
            {
                await Task.Delay(50, patience.Token);
            }
            catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                throw new BenchException($"{Name} does not answer. {process.Output}");
            }
        }
    }

    protected void DisposeHttp() => http.Dispose();
}
