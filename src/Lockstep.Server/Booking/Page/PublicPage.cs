using NodaTime.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>Draws the public page: who and what, the days, the chosen day's times, the zone. In reading order, which is keyboard order.</summary>
internal static class PublicPage
{
    public static Html Draw(PageView view) => PageFrame.Draw(
        $"Book a time with {view.Provider.Name}",
        view.Zone.Id,
        Html.Of($"""
            <main class="card{(view.Days.Count == 0 ? " still" : "")}">
            {PageHead.Who(view.Provider, How(view), view.Moving is null ? "Book a time with" : "Your time with")}
            {(view.Open.Unconfirmed ? Unconfirmed(view) : view.Days.Count == 0 ? NothingFree(view) : Choice(view))}
            </main>
            """));

    private static Html How(PageView view) => view switch
    {
        { Moving: { } now } => Html.Of($"""Pick another time. Until you confirm one, you keep {now.Date}, {now.Time}. <a href="{view.Back}">Keep that time</a>"""),
        { Open.Unconfirmed: true } => Html.Nothing,
        { Take: not null } => Html.Of($"Pick a time and say who you are. It is yours at once."),
        { Provider.WhatsappNumber: null } => Html.Of($"These times are free. To take one, write to {view.Provider.Name} as you usually do."),
        _ => Html.Of($"Pick a time and WhatsApp opens with a message to send. The time is yours once {view.Provider.Name} answers."),
    };

    private static Html Choice(PageView view) => Html.Of($"""
        {DayChoice.Strip(view)}
        {DayChoice.Month(view)}
        {Times(view)}
        {ZoneForm(view)}
        """);

    private static Html Times(PageView view)
    {
        var zones = view.ZonesDiffer;
        var parts = view.Slots.GroupBy(slot => slot.Start.InZone(view.Zone).Hour switch { < 12 => "Morning", < 17 => "Afternoon", _ => "Evening" });
        return Html.Of($"""
            <section class="times" aria-labelledby="day">
            <h2 id="day">{(view.Day is { } day ? view.Locale.Day(day) : VisitorLocale.Month(view.Month))}</h2>
            <p class="zone">{ZoneNames.Words(view.Zone)}</p>
            {(view.Slots.Count == 0 ? Elsewhere(view) : Html.Nothing)}
            {parts.Select(part => Html.Of($"""
                <h3>{part.Key}</h3>
                <ul class="slots">
                {part.Select(slot => One(view, slot, zones))}</ul>

                """))}
            <p class="asof">{AsOf(view)}</p>
            </section>
            """);
    }

    private static Html One(PageView view, Slot slot, bool withDate)
    {
        var local = slot.Start.InZone(view.Zone).LocalDateTime;
        var date = withDate ? Html.Of($" <small>{view.Locale.ShortDay(local.Date)}</small>") : Html.Nothing;
        var time = Html.Of($"""<time datetime="{InstantPattern.General.Format(slot.Start)}">{view.Locale.Time(local.TimeOfDay)}</time>{date}""");
        return view.Link(slot) is { } link
            ? Html.Of($"""<li><a href="{link}" rel="nofollow noreferrer">{time}</a></li>{"\n"}""")
            : Html.Of($"""<li><span>{time}</span></li>{"\n"}""");
    }

    private static Html Elsewhere(PageView view) => view.Alternative is { } next
        ? Html.Of($"""<p class="none">Nothing is free {(view.Day is null ? "in this month" : "on this day")}. <a href="{view.Query.To(next)}">{view.Locale.Day(next)}</a> is the next day with free times.</p>""")
        : Html.Nothing;

    private static Html Unconfirmed(PageView view) => Html.Of($"""
        <section class="notice" aria-labelledby="notice">
        <h2 id="notice">Times cannot be confirmed right now</h2>
        <p>The calendar behind this page could not be read lately, so no time is shown rather than one that may be taken. It is tried again every minute or so.</p>
        {AskLink(view)}
        <p class="asof">{AsOf(view)}</p>
        </section>
        """);

    private static Html NothingFree(PageView view) => Html.Of($"""
        <section class="notice" aria-labelledby="notice">
        <h2 id="notice">No free times in the next {view.Provider.Rules.Horizon} days</h2>
        <p>Every hour that {view.Provider.Name} offers is taken.</p>
        {AskLink(view)}
        <p class="asof">{AsOf(view)}</p>
        </section>
        """);

    private static Html AskLink(PageView view) => view.Ask is { } link
        ? Html.Of($"""<p><a class="button" href="{link}" rel="nofollow noreferrer">Ask on WhatsApp</a></p>""")
        : Html.Nothing;

    private static string AsOf(PageView view)
    {
        var time = view.Locale.Time(view.Open.AsOf.InZone(view.Zone).TimeOfDay);
        return view.Days.Count > 0 ? $"Free as of {time}" : $"As of {time}, {ZoneNames.Words(view.Zone)}";
    }

    private static Html ZoneForm(PageView view) => Html.Of($"""
        <details class="zones">
        <summary>Times are in {ZoneNames.Words(view.Zone)} ({ZoneNames.Offset(view.Zone, view.Slots.Count > 0 ? view.Slots[0].Start : view.Open.AsOf)}). <span>Change</span></summary>
        <form method="get">
        {(view.Query.Day is { } day ? Html.Of($"""<input type="hidden" name="day" value="{LocalDatePattern.Iso.Format(day)}">""") : Html.Nothing)}
        <label for="tz">Time zone</label>
        <select id="tz" name="tz"><option value="{view.Zone.Id}" selected>{ZoneNames.City(view.Zone.Id)}</option>{ZoneNames.Options}</select>
        <button>Show times</button>
        </form>
        </details>
        """);
}
