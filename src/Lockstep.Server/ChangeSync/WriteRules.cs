using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.ChangeSync.Schemas;

namespace Lockstep.Server.ChangeSync;

/// <summary>What pushed changes are held to.</summary>
internal sealed record WriteRules(ChangeHandlers Handlers, QuotaOptions Quotas, TableSchemas Schemas)
{
    /// <summary>For slices that write records of their own.</summary>
    public static readonly WriteRules None = new(ChangeHandlers.None, QuotaOptions.None, new TableSchemas());

    /// <summary>For what no other slice is to hear of.</summary>
    public WriteRules WithoutHandlers => this with { Handlers = ChangeHandlers.None };
}
