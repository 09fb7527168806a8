namespace Lockstep.Crypto;

/// <summary>The place of one sealed value. It opens only with all four the same; nothing of it is secret.</summary>
/// <param name="Tenant">Whose value it is, scope included, such as <c>user:UUID</c>, <c>workspace:UUID</c> or <c>system</c>; the tenant of the
/// data key too. Compared byte by byte, so write it one way only.</param>
/// <param name="EntityId">The row, such as the credential's id.</param>
/// <param name="Field">The column or part, such as <c>value</c>.</param>
/// <param name="Version">The version of the value, counted up at each rotation.</param>
public sealed record SealContext(string Tenant, Guid EntityId, string Field, int Version);
