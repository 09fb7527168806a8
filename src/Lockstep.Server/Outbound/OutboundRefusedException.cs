namespace Lockstep.Server.Outbound;

/// <summary>
/// The address may not be reached. The text is the same for every cause and names neither the address that the host resolved to
/// nor whether anybody listens there, since either would tell a stranger what the inner network looks like.
/// </summary>
internal sealed class OutboundRefusedException(string host) : IOException(
    $"{host} may not be reached from here: it is not an address of the public internet. "
    + $"Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.");
