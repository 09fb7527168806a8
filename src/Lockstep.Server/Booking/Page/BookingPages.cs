using Lockstep.Server.Http;

namespace Lockstep.Server.Booking.Page;

/// <summary>Draws what comes after a time was chosen: the form, the booking, and what is said when there is none.</summary>
internal static class BookingPages
{
    public static readonly Html FromElsewhere = Plain(
        "Nothing was done",
        "This form was sent from another site. Open the page itself and choose a time there.");

    /// <param name="back">The address of the page that the form was on.</param>
    public static Html TooFast(string back, TimeSpan wait)
    {
        var minutes = Math.Max(1, (int)Math.Ceiling(wait.TotalMinutes));
        return PageFrame.Draw("Too many at once", "", Html.Of($"""
            <main class="card lost">
            <h1>Too many at once</h1>
            <p>More forms came from your network than a person sends, so nothing was done with this one. Wait {minutes} {(minutes == 1 ? "minute" : "minutes")}, then send it again.</p>
            <p class="actions"><a href="{back}">Back to the page</a></p>
            </main>
            """));
    }

    /// <param name="request">For whoever looks into it.</param>
    public static string Trouble(string heading, string words, string request) => PageFrame.Draw(heading, "", Html.Of($"""
        <main class="card lost">
        <h1>{heading}</h1>
        <p>{words}</p>
        <p class="small">Request <code>{request}</code></p>
        </main>
        """)).ToString();

    public static Html Form(BookingView view, FieldErrors errors) => Draw(view, "Your details", Html.Of($"""
        {When(view.When)}
        {Told(errors, "form")}{Told(errors, "website")}
        <form method="post" action="/c/{view.Provider.Slug}/book" class="details" novalidate>
        <input type="hidden" name="at" value="{view.Form.At}"><input type="hidden" name="tz" value="{view.Zone.Id}"><input type="hidden" name="key" value="{view.Key}">
        {Field(errors, "name", "Your name", Html.Of($"""<input id="name" name="name" value="{view.Form.Name}" autocomplete="name" maxlength="100" required{Wrong(errors, "name")}>"""))}
        {Field(errors, "contact", "E-mail or phone", Html.Of($"""<input id="contact" name="contact" value="{view.Form.Contact}" autocomplete="email" maxlength="254" required{Wrong(errors, "contact")}>"""))}
        {Field(errors, "note", "Anything to know before (optional)", Html.Of($"""<textarea id="note" name="note" rows="3" maxlength="1000"{Wrong(errors, "note")}>{view.Form.Note}</textarea>"""))}
        {Trap}
        <p class="small">Only {view.Provider.Name} sees this.</p>
        <p class="actions"><button>Book this time</button> <a href="{view.Page}">Choose another time</a></p>
        </form>
        {Ask(view)}
        """));

    /// <param name="resend">Whether the visitor had filled in the form: then one press takes another time with the same words.</param>
    public static Html Gone(BookingView view, OpenTimes open, bool resend)
    {
        if (open.Unconfirmed)
            return Draw(view, "Times cannot be confirmed right now", Html.Of($"""
                <p>The calendar behind this page could not be read lately. Nothing was booked, rather than a time that may be taken. Try again in a minute or two.</p>
                {Ask(view)}
                <p class="actions"><a href="{view.Page}">Back to the times</a></p>
                """));
        var near = view.Nearest(open);
        return Draw(view, "Sorry, that time has just gone", Html.Of($"""
            <p>{view.When.Date}, {view.When.Time}, is not free any more: somebody was quicker, or the calendar has changed. Nothing was booked{(resend ? ", and what you wrote is kept" : "")}.</p>
            {(near.Count == 0 ? Html.Nothing : Html.Of($"""
                <h3>The nearest free times</h3>
                {(resend ? Resend(view, near) : Html.Of($"""<ul class="near">{near.Select(slot => Html.Of($"""<li><a href="{Path(view, slot)}">{view.When.Of(slot).Short}</a></li>"""))}</ul>"""))}
                """))}
            <p class="actions"><a href="{view.Page}">See all times</a></p>
            {Ask(view)}
            """));
    }

    public static Html TooMany(BookingView view) => Draw(view, "You have enough times ahead", Html.Of($"""
        <p>There are {BookingDesk.MostAhead} bookings under this contact already. Nothing was booked; cancel one of those first, or write to {view.Provider.Name}.</p>
        {Ask(view)}
        <p class="actions"><a href="{view.Page}">Back to the times</a></p>
        """));

    public static Html Booking(MyBookingView view) => view switch
    {
        { Booking.CancelledBy: { } by } => Draw(view, "This booking was cancelled", Html.Of($"""
            {When(view.When, gone: true)}
            <p>{(by == "visitor" ? "You gave this time back." : $"{view.Name} could not keep this time. Write to each other, or take another one.")}</p>
            {Again(view)}
            """)),
        { CanChange: false } => Draw(view, "This was your time", Html.Of($"{When(view.When)}{Again(view)}")),
        _ => Draw(view, view.Booking.MovedBy switch { null => "It is booked", "visitor" => "It is moved", _ => "Your time has changed" }, Html.Of($"""
            {When(view.When)}
            {Moved(view)}
            <p>{view.Name} has you down as {view.Booking.Name}, {view.Booking.Contact}.</p>
            <p class="actions"><a class="button" href="/c/booking/{view.Link}/event.ics" download="appointment.ics">{(view.Booking.MovedFrom is null ? "Add to your calendar" : "Put the new time into your calendar")}</a></p>
            <p class="keep">Keep the address of this page: with it, and only with it, you can change or cancel. The calendar file holds it too.</p>
            {(view.Provider is { TakesBookings: true } ? Html.Of($"""<p><a href="/c/booking/{view.Link}/move?tz={Uri.EscapeDataString(view.Zone.Id)}">Choose another time</a></p>""") : Html.Nothing)}
            <details class="cancel">
            <summary>Cancel this booking</summary>
            <p>{view.When.Date}, {view.When.Time}, is then free for others.</p>
            <form method="post" action="/c/booking/{view.Link}/cancel"><button class="quiet">Yes, cancel it</button></form>
            </details>
            """)),
    };

    public static Html ConfirmMove(MyBookingView view, Slot slot) => Draw(view, "Take this time instead?", Html.Of($"""
        {When(view.Words(slot))}
        <p>You keep {view.When.Date}, {view.When.Time}, until you press the button; then it is free for others.</p>
        <form method="post" action="/c/booking/{view.Link}/move">
        <input type="hidden" name="tz" value="{view.Zone.Id}">
        <p class="actions"><button name="at" value="{BookingForm.Write(slot.Start)}">Move my booking</button> <a href="/c/booking/{view.Link}">Keep the old time</a></p>
        </form>
        """));

    public static Html MoveGone(MyBookingView view, Slot gone, OpenTimes open) => Draw(view, "Sorry, that time has just gone", Html.Of($"""
        <p>{(open.Unconfirmed
            ? "The calendar behind this page could not be read lately, so nothing can be promised right now. Try again in a minute or two."
            : $"{view.Words(gone).Date}, {view.Words(gone).Time}, is not free any more.")} Yours is still {view.When.Date}, {view.When.Time}.</p>
        {(open.Slots.Count == 0 ? Html.Nothing : Html.Of($"""
            <h3>The nearest free times</h3>
            <form method="post" action="/c/booking/{view.Link}/move" class="near"><input type="hidden" name="tz" value="{view.Zone.Id}">
            {SlotWords.Nearest(open, gone).Select(slot => Html.Of($"""<button name="at" value="{BookingForm.Write(slot.Start)}">{view.Words(slot).Short}</button>{"\n"}"""))}</form>
            """))}
        <p class="actions"><a href="/c/booking/{view.Link}/move?tz={Uri.EscapeDataString(view.Zone.Id)}">See all times</a> <a href="/c/booking/{view.Link}">Keep the old time</a></p>
        """));

    private static Html Moved(MyBookingView view) => view.Booking switch
    {
        { MovedFrom: { } from, MovedBy: "owner" } => Html.Of($"<p>{view.Name} moved it. Before, it was {view.When.Begin(from)}. If the new time does not suit you, choose another or cancel.</p>"),
        { MovedFrom: { } from } => Html.Of($"<p>Before, it was {view.When.Begin(from)}. That time is free for others again.</p>"),
        _ => Html.Nothing,
    };

    private static Html Again(MyBookingView view) => view.Provider is { TakesBookings: true } again
        ? Html.Of($"""<p class="actions"><a class="button" href="/c/{again.Slug}?tz={Uri.EscapeDataString(view.Zone.Id)}">Book another time</a></p>""")
        : Html.Nothing;

    private static readonly Html Trap = Html.Of($"""<div class="trap" aria-hidden="true"><label for="website">Website</label><input id="website" name="website" tabindex="-1" autocomplete="off"></div>""");

    private static Html Resend(BookingView view, IReadOnlyList<Slot> near) => Html.Of($"""
        <form method="post" action="/c/{view.Provider.Slug}/book" class="near">
        <input type="hidden" name="tz" value="{view.Zone.Id}"><input type="hidden" name="key" value="{view.Key}"><input type="hidden" name="name" value="{view.Form.Name}"><input type="hidden" name="contact" value="{view.Form.Contact}"><input type="hidden" name="note" value="{view.Form.Note}">
        {near.Select(slot => Html.Of($"""<button name="at" value="{BookingForm.Write(slot.Start)}">{view.When.Of(slot).Short}</button>{"\n"}"""))}</form>
        """);

    private static string Path(BookingView view, Slot slot) =>
        $"/c/{view.Provider.Slug}/book?at={BookingForm.Write(slot.Start)}&tz={Uri.EscapeDataString(view.Zone.Id)}";

    private static Html When(SlotWords when, bool gone = false) => Html.Of($"""
        <p class="when{(gone ? " gone" : "")}"><b>{when.Date}</b><span>{when.Time}</span>{(when.There is { } there ? Html.Of($"<span>{there}</span>") : Html.Nothing)}</p>
        """);

    private static Html Field(FieldErrors errors, string name, string label, Html input) => Html.Of($"""
        <p class="field"><label for="{name}">{label}</label>{input}{(errors.All.TryGetValue(name, out var said) ? Html.Of($"""<span class="error" id="{name}-error">{string.Join(" ", said)}</span>""") : Html.Nothing)}</p>
        """);

    private static Html Wrong(FieldErrors errors, string name) =>
        errors.All.ContainsKey(name) ? Html.Of($" aria-invalid=\"true\" aria-describedby=\"{name}-error\"") : Html.Nothing;

    private static Html Told(FieldErrors errors, string name) =>
        errors.All.TryGetValue(name, out var said) ? Html.Of($"""<p class="error" role="alert">{string.Join(" ", said)}</p>""") : Html.Nothing;

    private static Html Ask(BookingView view) => view.Provider.WhatsappNumber is { } phone
        ? Html.Of($"""<p class="small">Rather talk first? <a href="{WhatsappMessage.Link(phone, view.Provider.Settings.Whatsapp?.MessageTemplate, view.When.Date, view.When.Time.Replace('\u00a0', ' '))}" rel="nofollow noreferrer">Ask on WhatsApp</a></p>""")
        : Html.Nothing;

    private static Html Draw(BookingView view, string title, Html inside) => Draw(PageHead.Who(view.Provider, Html.Nothing), $"{title} - {view.Provider.Name}", title, inside);

    private static Html Draw(MyBookingView view, string title, Html inside) => Draw(
        view.Provider is { } provider ? PageHead.Who(provider, Html.Nothing, "Your time with") : PageHead.Who(view.Name), $"{title} - {view.Name}", title, inside);

    private static Html Draw(Html who, string title, string heading, Html inside) => PageFrame.Draw(title, "", Html.Of($"""
        <main class="card still">
        {who}
        <section class="notice" aria-labelledby="notice">
        <h2 id="notice">{heading}</h2>
        {inside}
        </section>
        </main>
        """));

    private static Html Plain(string heading, string words) => PageFrame.Draw(heading, "", Html.Of($"""
        <main class="card lost">
        <h1>{heading}</h1>
        <p>{words}</p>
        </main>
        """));
}
