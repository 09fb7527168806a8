using Lockstep.Server.Console.Connections;
using Lockstep.Server.Integrations.Connecting;

namespace Lockstep.Server.Console.Embedded;

/// <summary>What every page of a link carries on, in its forms.</summary>
/// <param name="Link">From the address.</param>
/// <param name="Key">Of this page: with the link it is what lets its forms in.</param>
/// <param name="Product">The host that the person goes back to.</param>
/// <param name="Whose">E-mail address of the user; null where none is known.</param>
/// <param name="HasChoices">There is more than one thing to connect.</param>
internal sealed record EmbedPass(string Link, string Key, string Product, string? Whose, bool HasChoices);

internal sealed record EmbedChoices(EmbedPass Pass, IReadOnlyList<ConnectChoice> Choices);

internal sealed record EmbedAccount(EmbedPass Pass, ConnectChoice Choice, AccountView Account);

internal sealed record EmbedCalendars(EmbedPass Pass, ConnectChoice Choice, ChooseView Calendars);

internal sealed record EmbedFields(EmbedPass Pass, FieldsView Fields);

/// <param name="Path">Of this page.</param>
/// <param name="Looks">It loads itself again until the sync is over.</param>
internal sealed record EmbedProgress(FirstSyncView Sync, string Product, string Back, string Path, bool Looks);

/// <param name="Back">Where to go from here; null where nobody may be sent.</param>
internal sealed record EmbedMessage(string Title, string Words, string? Product = null, string? Back = null)
{
    public static readonly EmbedMessage Unknown = new(
        "This link is not valid", "It may be incomplete, or older than a week. Go back to where you found it, and start again there.");

    public static readonly EmbedMessage Used = new(
        "This link was opened before", "Each link works once, in the window that opened it first. Go back to where you found it, and start again there: you get a new one.");
}
