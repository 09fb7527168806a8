namespace Lockstep.Server;

/// <summary>The program will not start: the message is a sentence for the operator, saying what is wrong, where, and what to do.</summary>
internal sealed class StartRefusedException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it is that the database does not answer: nothing has to be changed here, and a later start may go well.</summary>
    public bool Unreachable { get; init; }

    /// <summary>Whether it is that the command was written wrong: nothing was begun.</summary>
    public bool Misused { get; init; }
}
