using Lockstep.Server.Postgres;

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

    public TenantSession Session => database.For(Caller);
}
