namespace Lockstep.Server.Outbound;

/// <summary>What can be said of an address before anything is resolved.</summary>
internal enum OutboundCheck
{
    /// <summary>Nothing speaks against it yet; the connection decides.</summary>
    Allowed,

    /// <summary>It is relative, or its scheme is neither http nor https.</summary>
    NotHttp,

    /// <summary>It carries a user name or password, which would end up in logs.</summary>
    CarriesCredentials,

    /// <summary>It names the machine itself or an address that is not public.</summary>
    NotPublic,
}
