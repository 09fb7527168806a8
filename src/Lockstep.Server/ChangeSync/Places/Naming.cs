namespace Lockstep.Server.ChangeSync.Places;

/// <summary>How a change says which record it means, and where that is to be.</summary>
internal enum Naming
{
    /// <summary>By space and id: the same id in another space is another record. The native protocol.</summary>
    InSpace,

    /// <summary>By its id alone: wherever it is. The mana protocol, as the two below.</summary>
    Anywhere,

    /// <summary>By its id; the space beside it is where the client believes it to be.</summary>
    Beside,

    /// <summary>By its id; the space is one of the fields written, and the field that wins says where the record is.</summary>
    AsField,
}
