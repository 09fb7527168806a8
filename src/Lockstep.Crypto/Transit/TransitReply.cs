using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>What came back from one request.</summary>
internal abstract class TransitReply : IDisposable
{
    private TransitReply() { }

    public virtual void Dispose() { }

    /// <summary>No connection, no answer in time, or an answer that is no JSON.</summary>
    public sealed class Nothing(string reason) : TransitReply
    {
        public string Reason => reason;
    }

    /// <summary>Nothing was sent: we have no token.</summary>
    public sealed class Unsigned(KeyTrouble trouble) : TransitReply
    {
        public KeyTrouble Trouble => trouble;
    }

    /// <summary>An answer. Its bytes, which may hold a plaintext, are zeroed when it is disposed.</summary>
    public sealed class Answer(int status, TimeSpan? retryAfter, byte[] body, JsonDocument? document) : TransitReply
    {
        public int Status => status;

        public TimeSpan? RetryAfter => retryAfter;

        public bool IsGood => status is 200 or 204;

        /// <summary>The member <c>data</c>.</summary>
        public JsonElement? Data => Member("data");

        /// <summary>The member <c>auth</c> of a login.</summary>
        public JsonElement? Auth => Member("auth");

        /// <summary>The texts of <c>errors</c>.</summary>
        public IReadOnlyList<string> Errors => Member("errors") is { ValueKind: JsonValueKind.Array } errors
            ? [.. errors.EnumerateArray().Where(error => error.ValueKind == JsonValueKind.String).Select(error => error.GetString()!)]
            : [];

        public override void Dispose()
        {
            document?.Dispose();
            Primitives.Clear(body);
            base.Dispose();
        }

        private JsonElement? Member(string name) =>
            document?.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(name, out var member)
                && member.ValueKind is not JsonValueKind.Null
                ? member
                : null;
    }
}
