namespace Lockstep.Server.Http;

/// <summary>One page of a list.</summary>
/// <param name="Next">Pass it back as <c>after</c>; null on the last page.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? Next);
