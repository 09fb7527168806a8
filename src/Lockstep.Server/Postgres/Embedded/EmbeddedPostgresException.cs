namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The embedded database could not be found, made or started. The message is written for the person at the
/// terminal: what is wrong, where, and what to do; print it as it stands.</summary>
internal sealed class EmbeddedPostgresException(string message, Exception? inner = null) : Exception(message, inner);
