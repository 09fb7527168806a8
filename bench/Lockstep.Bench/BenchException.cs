namespace Lockstep.Bench;

/// <summary>Nothing can be measured; the message says why and what to do.</summary>
internal sealed class BenchException(string message) : Exception(message);
