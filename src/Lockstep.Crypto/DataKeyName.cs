namespace Lockstep.Crypto;

/// <summary>Which data key it is. A wrapped key opens only under the name with which it was wrapped.</summary>
/// <param name="Tenant">As in <see cref="SealContext.Tenant"/>.</param>
/// <param name="Id">The row in the table of data keys.</param>
/// <param name="Version">Counted up for each new data key of the tenant.</param>
public sealed record DataKeyName(string Tenant, Guid Id, int Version);
