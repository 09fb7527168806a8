namespace Lockstep.Server.Http;

/// <summary>Says in the API document which words a text may be. The endpoint checks it: a wrong one is a 422 that names the field.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class OneOfAttribute(params string[] words) : Attribute
{
    public IReadOnlyList<string> Words => words;
}

/// <summary>Says in the API document which members a body needs. The endpoint checks it: what is missing is a 422 that names them all.</summary>
/// <param name="members">As they are spelt on the wire.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsAttribute(params string[] members) : Attribute
{
    public IReadOnlyList<string> Members => members;
}
