namespace Lockstep.Server.Hosting;

/// <summary>Which secrets of an installation with its own database are made while its settings are read.</summary>
internal enum Making
{
    /// <summary>None: somebody only looks.</summary>
    Nothing,

    /// <summary>Those of a new installation.</summary>
    New,

    /// <summary>Also a token secret that was lost; a master key never.</summary>
    Anew,
}
