using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy.ApiTokens;

namespace Lockstep.Server.Tenancy;

/// <summary>Who makes this request; set once by authentication.</summary>
internal sealed class CallerContext(Database database)
{
    private Caller? caller;

    public Caller Caller
    {
        get => caller ?? throw new InvalidOperationException("No caller: this endpoint lacks RequireAuthorization.");
        set => caller = value;
    }

    /// <summary>What the API token of this request allows; null without one, and before anybody has signed in.</summary>
    public TokenGrant? Grant => caller?.Token;

    public TenantSession Session => database.For(Caller);
}
