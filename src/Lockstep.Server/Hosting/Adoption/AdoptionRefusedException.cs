namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Why taking over did not begin.</summary>
internal enum AdoptionRefusal
{
    /// <summary>The mapping names what is not there, or the address of the source is none.</summary>
    Mapping,

    /// <summary>The source does not let this login in, or not at its tables.</summary>
    NotAllowed,

    /// <summary>Nobody answers at the source's address.</summary>
    Unreachable,
}

/// <summary>Nothing was stored; the message is a sentence for the operator.</summary>
internal sealed class AdoptionRefusedException(AdoptionRefusal refusal, string message, Exception? inner = null) : Exception(message, inner)
{
    public AdoptionRefusal Refusal => refusal;
}
