namespace Lockstep.Server.Http;

/// <summary>Marks an endpoint that may wait or stream for long: its request is cancelled when the server is asked to stop.</summary>
internal sealed record EndsWithServer;
