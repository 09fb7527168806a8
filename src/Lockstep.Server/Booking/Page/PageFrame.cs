namespace Lockstep.Server.Booking.Page;

/// <summary>The document around a page, and the page for an address without one.</summary>
internal static class PageFrame
{
    /// <summary>The same bytes whether nobody has the slug or its owner does not show the page.</summary>
    public static readonly string NotFound = Draw(
        "There is no page here",
        "",
        Html.Of($"""
            <main class="card lost">
            <h1>There is no page here</h1>
            <p>The address may have a typing mistake, or its owner has taken the page down. Ask whoever gave it to you for the new one.</p>
            </main>
            """)).ToString();

    /// <param name="zone">The zone that the times are in, for the script to compare with the visitor's own; empty where there are none.</param>
    public static Html Draw(string title, string zone, Html main) => Html.Of($"""
        <!DOCTYPE html>
        <html lang="en" data-zone="{zone}">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{title}</title>
        <link rel="icon" href="data:,">
        <style>{PageAssets.Style}</style>
        {(zone.Length == 0 ? Html.Nothing : Html.Of($"<script>{PageAssets.Script}</script>"))}
        </head>
        <body>
        {main}
        </body>
        </html>

        """);
}
