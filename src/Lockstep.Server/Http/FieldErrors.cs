namespace Lockstep.Server.Http;

/// <summary>Collects what is wrong with a request, so that it is all said at once.</summary>
internal sealed class FieldErrors
{
    private readonly Dictionary<string, string[]> errors = new(StringComparer.Ordinal);

    public bool Any => errors.Count > 0;

    public IReadOnlyDictionary<string, string[]> All => errors;

    /// <param name="field">As the request spells it: <c>settings.workingHours.days[0]</c>.</param>
    public void Add(string field, string message) =>
        errors[field] = errors.TryGetValue(field, out var present) ? [.. present, message] : [message];

    /// <summary>Notes <paramref name="message"/> unless <paramref name="holds"/>.</summary>
    public void Require(bool holds, string field, string message)
    {
        if (!holds)
            Add(field, message);
    }
}
