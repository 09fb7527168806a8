namespace Lockstep.Server.Console.Frame;

/// <summary>A page that says one thing, and where to go from it.</summary>
public sealed record Message(string Title, string Words, string Next, string Path)
{
    /// <summary>For what is not there, and for what is somebody else's.</summary>
    public static readonly Message NotFound = new(
        "There is nothing here",
        "The address may have a typing mistake, what it named may have been removed, or it belongs to somebody else.",
        "To the overview", "/console");

    public static readonly Message FromElsewhere = new(
        "Nothing was done",
        "This form did not come from a page of this session: it may have been open since before you signed in, or another site has sent it. Open the page again and repeat what you wanted.",
        "To the overview", "/console");

    public static readonly Message Operator = new(
        "Signed in as an operator",
        "This page belongs to a person: it shows calendars and credentials of one's own. An operator sees the system and the activity of all. To see what is yours, sign out and sign in as yourself.",
        "To the system page", "/console/system");

    public static Message Of(Refusal refusal) => new("That was not done", "What it is, and what to do about it, stands above. Nothing was changed.", "To the overview", "/console")
    {
        Title = refusal.Status >= 500 ? "Not possible right now" : "That was not done",
    };
}
