using System.Collections.Concurrent;

namespace Lockstep.Tests.Scenarios;

/// <summary>Keeps every answer that a client got, head and body.</summary>
internal sealed class RecordedAnswers : DelegatingHandler
{
    private readonly ConcurrentQueue<(string Call, string Answer)> answers = new();

    public RecordedAnswers() => InnerHandler = new SocketsHttpHandler { UseProxy = false };

    /// <summary>All but those of <c>reveal</c>.</summary>
    public IEnumerable<(string Call, string Answer)> WithoutReveals => answers.Where(answer => !answer.Call.EndsWith("/reveal", StringComparison.Ordinal));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answer = await base.SendAsync(request, cancellationToken);
        var body = await answer.Content.ReadAsStringAsync(cancellationToken);
        answers.Enqueue(($"{request.Method} {request.RequestUri!.AbsolutePath}", $"{answer}\n{body}"));
        return answer;
    }
}
