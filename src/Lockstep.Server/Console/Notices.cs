namespace Lockstep.Server.Console;

/// <summary>What is said after something was done. The address names it by key, so that no link can put words into our mouth.</summary>
internal static class Notices
{
    private static readonly Dictionary<string, string> All = new(StringComparer.Ordinal)
    {
        ["signed-out"] = "You are signed out.",
        ["connected"] = "The account is connected.",
        ["renewed"] = "It was connected already. It has the new sign-in now, and a sync has begun.",
        ["kept"] = "It is kept, sealed. Your software reads it over the API.",
        ["kept-anew"] = "The new value is stored. The one before is kept among its versions, sealed.",
        ["placed"] = "They are in that calendar now, and are written to its server within seconds.",
        ["sync-asked"] = "A sync has begun. Load this page again in a moment to see what it did.",
        ["paused"] = "Syncing is paused. Nothing is read or written until you resume it.",
        ["resumed"] = "Syncing is on again.",
        ["removed"] = "The account is disconnected. Its calendars on the server are as they were.",
        ["password-changed"] = "It is stored, and a sync with it has begun.",
        ["deletions-confirmed"] = "Agreed. The next sync deletes them.",
        ["restored"] = "The other version is back, as a new edit. It is written to the calendar server within seconds.",
        ["stored"] = "Stored. Its value is sealed; only its last characters are shown.",
        ["rotated"] = "The new value is in use. The former one is kept, sealed, in the versions.",
        ["described"] = "Saved.",
        ["revoked"] = "Revoked for good: nobody can reveal it any more.",
        ["deleted"] = "Deleted, with its former values.",
        ["rolled-back"] = "The former value is in use again, as a new version.",
        ["page-saved"] = "Saved.",
        ["page-published"] = "Your page is public.",
        ["page-hidden"] = "Your page is hidden. Its address answers as if it had never been.",
        ["workspace-made"] = "The workspace is there, and you are its owner.",
        ["workspace-deleted"] = "The workspace is deleted, with everything in it.",
        ["invited"] = "Invited. The invitation is taken up when somebody signs in with that e-mail address, verified, within 14 days.",
        ["invitation-withdrawn"] = "The invitation is withdrawn: signing in with that address no longer makes a member.",
        ["member-changed"] = "The role is changed.",
        ["member-removed"] = "Removed from the workspace.",
        ["booking-cancelled"] = "Called off: the time is free again, and the visitor's page says so.",
    };

    public static string? Of(string key) => All.GetValueOrDefault(key);
}
