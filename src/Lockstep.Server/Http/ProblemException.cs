namespace Lockstep.Server.Http;

/// <summary>A failure deep below an endpoint that has one right answer whoever asked, such as <c>vault_locked</c>; Hosting answers it.</summary>
/// <remarks>Not for expected outcomes of one operation: those are return values.</remarks>
internal sealed class ProblemException(int status, string code, string detail, TimeSpan? retryAfter = null) : Exception(detail)
{
    public int Status => status;

    /// <summary>Stable, snake_case.</summary>
    public string Code => code;

    public TimeSpan? RetryAfter => retryAfter;
}
