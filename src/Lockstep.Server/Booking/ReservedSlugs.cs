using System.Collections.Frozen;

namespace Lockstep.Server.Booking;

/// <summary>Slugs that would look like a part of the site, or like its operator.</summary>
internal static class ReservedSlugs
{
    private static readonly FrozenSet<string> All = FrozenSet.Create(
        StringComparer.Ordinal,
        "about", "account", "accounts", "admin", "administrator", "api", "app", "assets", "auth", "backup", "billing", "book", "booking",
        "bookings", "calendar", "calendars", "console", "contact", "dashboard", "docs", "event", "events", "health", "help", "home",
        "integrations", "legal", "lockstep", "login", "logout", "mail", "me", "metrics", "new", "null", "oauth", "official", "openapi",
        "operator", "owner", "payment", "privacy", "profile", "provider", "providers", "public", "root", "security", "settings", "signin",
        "signout", "signup", "slots", "sso", "staff", "static", "status", "support", "sync", "system", "team", "terms", "undefined", "user",
        "users", "vault", "verify", "webhooks", "webmaster", "workspace", "workspaces", "www");

    public static bool Contains(string slug) => All.Contains(slug);
}
