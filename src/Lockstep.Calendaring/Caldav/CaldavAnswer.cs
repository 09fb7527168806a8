using System.Diagnostics.CodeAnalysis;

namespace Lockstep.Calendaring.Caldav;

/// <summary>
/// What a server's answer came to: a value, or the failure. There is no empty value on failure, so that an unreadable calendar
/// can never pass for an empty one.
/// </summary>
public sealed class CaldavAnswer<T>
    where T : class
{
    private readonly T? value;

    internal CaldavAnswer(T value) => this.value = value;

    internal CaldavAnswer(CaldavFailure failure) => Failure = failure;

    /// <summary>Null when the operation succeeded.</summary>
    public CaldavFailure? Failure { get; }

    /// <exception cref="InvalidOperationException">The operation failed; look at <see cref="Failure"/> first.</exception>
    public T Value => value ?? throw new InvalidOperationException(Failure!.Message);

    public bool TryGet([NotNullWhen(true)] out T? result, [NotNullWhen(false)] out CaldavFailure? failure)
    {
        result = value;
        failure = Failure;
        return value is not null;
    }

    public static implicit operator CaldavAnswer<T>(T value) => new(value);

    public static implicit operator CaldavAnswer<T>(CaldavFailure failure) => new(failure);
}
