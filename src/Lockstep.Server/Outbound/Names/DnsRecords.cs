namespace Lockstep.Server.Outbound.Names;

internal enum DnsType
{
    Txt = 16,
    Srv = 33,
}

/// <summary>RFC 2782.</summary>
/// <param name="Target">A host name; empty: the service is decidedly not there.</param>
internal sealed record SrvRecord(int Priority, int Weight, int Port, string Target);

/// <summary>What the name servers say.</summary>
/// <param name="Services">In the order of the answer.</param>
/// <param name="Texts">Each string of each record, in the order of the answer.</param>
internal sealed record DnsAnswer(IReadOnlyList<SrvRecord> Services, IReadOnlyList<string> Texts)
{
    public static readonly DnsAnswer Nothing = new([], []);
}
