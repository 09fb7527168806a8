namespace Lockstep.Server.Detection;

/// <summary>Something that looks like a secret, by where it is and what it looks like; never by what it says.</summary>
/// <param name="Path">As in <c>config.mappings[2].from</c>. A member whose name is itself the secret is written <c>?</c>.</param>
/// <param name="Kind">A name of <see cref="Formats"/>, or <see cref="Generic"/>.</param>
internal sealed record Finding(string Path, string Kind)
{
    /// <summary>No known format, but a value that looks random under a name that says secret.</summary>
    public const string Generic = "generic_secret";

    public bool IsStructured => Kind != Generic;

    /// <summary>For a sentence: <c>stripe key</c>.</summary>
    public string Words => Kind.Replace('_', ' ');
}
