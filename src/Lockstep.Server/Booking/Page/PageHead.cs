namespace Lockstep.Server.Booking.Page;

/// <summary>Draws who the page is of; the same on every page of a visit.</summary>
internal static class PageHead
{
    /// <param name="how">What to do here, in a sentence or two; may be empty.</param>
    /// <param name="what">Before the name.</param>
    public static Html Who(PublicProvider provider, Html how, string what = "Book a time with") => Html.Of($"""
        <header class="who">
        <div class="mark" aria-hidden="true">{Initials(provider.Name)}</div>
        <h1><span>{what}</span> {provider.Name}</h1>
        {(provider.Settings.Profile?.About is { Length: > 0 } about ? Html.Of($"""<p class="about">{about}</p>""") : Html.Nothing)}
        <ul class="facts">
        <li>{(int)provider.Rules.Length.TotalMinutes} minutes</li>
        {(provider.WhatsappNumber is null || provider.TakesBookings ? Html.Nothing : Html.Of($"<li>By WhatsApp</li>"))}
        </ul>
        <p class="how">{how}</p>
        </header>
        """);

    /// <summary>Of somebody who does not show the page any more.</summary>
    public static Html Who(string name) => Html.Of($"""
        <header class="who">
        <div class="mark" aria-hidden="true">{Initials(name)}</div>
        <h1><span>A time with</span> {name}</h1>
        </header>
        """);

    private static string Initials(string name) => string.Concat(
        name.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(2).Select(word => word.EnumerateRunes().First().ToString().ToUpperInvariant()));
}
