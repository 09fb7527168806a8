using System.Net;
using System.Text.Json.Nodes;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class BookingTests(LockstepApp app) : IClassFixture<LockstepApp>, IDisposable
{
    private static readonly string[] WholeMorning = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"];

    private readonly BookingVisitor visitor = new(app.Url);

    public void Dispose() => visitor.Dispose();

    [Fact]
    public async Task A_time_is_taken_in_two_steps_and_is_then_in_the_owners_calendar_and_not_offered_any_more()
    {
        var owner = app.As("taker");
        await owner.TakeBookingsAsync("taker");
        var monday = Provider.Monday;
        var link = (await visitor.PageAsync($"/c/taker?day={monday.Text()}")).QuerySelectorAll<IHtmlAnchorElement>(".slots a").ToList()[1].GetAttribute("href")!;
        link.ShouldStartWith($"/c/taker/book?at={BookingVisitor.At(monday, "09:30")}");
        var mine = await visitor.BookAsync("taker", BookingVisitor.At(monday, "09:30"), note: "About the flat");

        var page = await visitor.PageAsync(mine);
        page.QuerySelector("h2")!.TextContent.ShouldBe("It is booked");
        page.QuerySelector(".when")!.TextContent.ShouldContain("09:30 to 10:00, Dubai time");
        (await app.Anonymous().TimesAsync("taker", monday)).ShouldBe(["09:00", "10:00", "10:30", "11:00", "11:30"]);

        var events = await owner.GetAsync($"/v1/events?from={monday.Text()}T00:00:00Z&to={monday.PlusDays(1).Text()}T00:00:00Z").ShouldBeAsync(HttpStatusCode.OK);
        var made = events["items"]!.AsArray().Single()!;
        made.Text("summary").ShouldBe("Booked: Sam Visitor");
        made.Text("description").ShouldBe("Sam Visitor\nsam@example.com\n\nAbout the flat\n\nBooked on your page /c/taker.");
        made["start"]!.Text("timeZone").ShouldBe("Asia/Dubai");
        var booking = (await owner.GetAsync("/v1/bookings").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!;
        (booking.Text("name"), booking.Text("status"), booking.Id("eventId")).ShouldBe(("Sam Visitor", "confirmed", made.Id()));
        (await app.ScalarAsync<string>("SELECT actor FROM lockstep.activity_log WHERE action = 'BOOKING_MADE' AND user_id = $1", app.UserId("taker"))).ShouldBe("visitor");
    }

    [Fact]
    public async Task The_same_form_sent_twice_is_one_booking()
    {
        await app.As("twice").TakeBookingsAsync("twice");
        var form = await visitor.FormAsync("twice", BookingVisitor.At(Provider.Monday, "10:00"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => visitor.SendAsync("/c/twice/book", form)));
        answers.Select(answer => (answer.StatusCode, answer.Headers.Location)).Distinct().Count().ShouldBe(1);
        answers[0].StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.events WHERE user_id = $1", app.UserId("twice"))).ShouldBe(1);
    }

    [Fact]
    public async Task Of_two_hundred_visitors_at_once_one_gets_the_time_and_the_others_a_kind_word_and_three_other_times()
    {
        await app.As("wanted").TakeBookingsAsync("wanted");
        var at = BookingVisitor.At(Provider.Monday, "10:00");
        var forms = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => visitor.FormAsync("wanted", at, $"Visitor {i}", $"v{i}@example.com")));
        var answers = await Task.WhenAll(forms.Select(form => visitor.SendAsync("/c/wanted/book", form)));

        answers.GroupBy(answer => answer.StatusCode).ToDictionary(group => group.Key, group => group.Count())
            .ShouldBe(new Dictionary<HttpStatusCode, int> { [HttpStatusCode.SeeOther] = 1, [HttpStatusCode.Conflict] = 199 }, ignoreOrder: true);
        foreach (var lost in answers.Where(answer => answer.StatusCode == HttpStatusCode.Conflict))
        {
            var page = await BookingVisitor.ReadAsync(lost, HttpStatusCode.Conflict);
            page.QuerySelector("h2")!.TextContent.ShouldBe("Sorry, that time has just gone");
            page.QuerySelectorAll(".near button").Select(button => button.GetAttribute("value"))
                .ShouldBe([BookingVisitor.At(Provider.Monday, "09:00"), BookingVisitor.At(Provider.Monday, "09:30"), BookingVisitor.At(Provider.Monday, "10:30")]);
        }
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.bookings WHERE user_id = $1", app.UserId("wanted"))).ShouldBe(1);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.events WHERE user_id = $1", app.UserId("wanted"))).ShouldBe(1);

        // One press, and another time is taken with the same words.
        var form = await BookingVisitor.ReadAsync(await visitor.SendAsync("/c/wanted/book", await LateFormAsync("wanted", at)), HttpStatusCode.Conflict);
        var again = form.QuerySelectorAll<IHtmlInputElement>("form.near input").ToDictionary(input => input.Name!, input => input.Value);
        again["at"] = form.QuerySelector(".near button")!.GetAttribute("value")!;
        (await visitor.SendAsync("/c/wanted/book", again)).StatusCode.ShouldBe(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task The_constraint_alone_keeps_two_bookings_of_one_owner_apart_and_lets_those_of_two_be()
    {
        await app.As("one").TakeBookingsAsync("net-one");
        await app.As("two").TakeBookingsAsync("net-two");
        Task<Guid> Insert(string who, string start, string end) => app.ScalarAsync<Guid>(
            """
            INSERT INTO lockstep.bookings (id, user_id, form_key, starts_at, ends_at, visitor_name, visitor_contact, visitor_zone)
            VALUES (gen_random_uuid(), $1, gen_random_uuid(), $2::timestamptz, $3::timestamptz, 'Sam', 'sam@example.com', 'Etc/UTC') RETURNING id
            """, app.UserId(who), start, end);
        await Insert("one", "2031-01-01T10:00Z", "2031-01-01T11:00Z");
        await Insert("two", "2031-01-01T10:00Z", "2031-01-01T11:00Z");
        await Insert("one", "2031-01-01T11:00Z", "2031-01-01T11:30Z");
        (await Should.ThrowAsync<Npgsql.PostgresException>(() => Insert("one", "2031-01-01T10:59:59Z", "2031-01-01T11:00Z"))).ConstraintName.ShouldBe("bookings_slot_excl");
    }

    [Fact]
    public async Task The_link_cancels_and_the_time_is_free_again()
    {
        await app.As("changed").TakeBookingsAsync("changed");
        var link = await visitor.BookAsync("changed", BookingVisitor.At(Provider.Monday, "09:00"));
        for (var i = 0; i < 2; i++)
        {
            using var answer = await visitor.SendAsync($"{link}/cancel", new Dictionary<string, string>());
            answer.Headers.Location!.ToString().ShouldBe(link);
        }
        (await visitor.PageAsync(link)).QuerySelector("h2")!.TextContent.ShouldBe("This booking was cancelled");
        (await app.Anonymous().TimesAsync("changed", Provider.Monday)).ShouldBe(WholeMorning);
        (await app.ScalarAsync<bool>("SELECT deleted FROM lockstep.events WHERE user_id = $1", app.UserId("changed"))).ShouldBeTrue();
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE action = 'BOOKING_CANCELLED' AND user_id = $1", app.UserId("changed"))).ShouldBe(1);
        (await visitor.BookAsync("changed", BookingVisitor.At(Provider.Monday, "09:00"))).ShouldNotBe(link);
    }

    [Fact]
    public async Task The_link_moves_the_booking_to_a_time_that_is_free_and_keeps_the_old_one_otherwise()
    {
        var owner = app.As("mover");
        await owner.TakeBookingsAsync("mover");
        var monday = Provider.Monday;
        var link = await visitor.BookAsync("mover", BookingVisitor.At(monday, "09:00"));
        await visitor.BookAsync("mover", BookingVisitor.At(monday, "10:00"), contact: "+971 50 123 4567");

        var choice = await visitor.PageAsync($"{link}/move?day={monday.Text()}");
        choice.QuerySelector(".how a")!.GetAttribute("href").ShouldBe(link);
        choice.QuerySelector<IHtmlAnchorElement>(".slots a")!.GetAttribute("href")
            .ShouldBe($"{link}/move?at={BookingVisitor.At(monday, "09:30")}&tz=Asia%2FDubai");
        (await visitor.PageAsync($"{link}/move?at={BookingVisitor.At(monday, "11:00")}")).QuerySelector("h2")!.TextContent.ShouldBe("Take this time instead?");
        (await visitor.PageAsync($"{link}/move?at={BookingVisitor.At(monday, "10:00")}", HttpStatusCode.Conflict)).QuerySelector("h2")!.TextContent.ShouldBe("Sorry, that time has just gone");
        (await visitor.SendAsync($"{link}/move", new Dictionary<string, string> { ["at"] = BookingVisitor.At(monday, "11:00") })).Headers.Location!.ToString().ShouldBe(link);
        (await app.Anonymous().TimesAsync("mover", monday)).ShouldBe(["09:00", "09:30", "10:30", "11:30"]);
        var moved = await visitor.PageAsync(link);
        moved.QuerySelector("h2")!.TextContent.ShouldBe("It is moved");
        moved.QuerySelector(".when")!.TextContent.ShouldContain("11:00 to 11:30");
        moved.QuerySelector(".when + p")!.TextContent.ShouldContain("09:00, Dubai time. That time is free for others again.");
        var known = (await owner.GetAsync("/v1/bookings").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single(one => one!["movedBy"] is not null)!;
        (known.Text("movedBy"), known.Text("movedFrom")).ShouldBe(("visitor", BookingVisitor.At(monday, "09:00")));

        var refused = await BookingVisitor.ReadAsync(
            await visitor.SendAsync($"{link}/move", new Dictionary<string, string> { ["at"] = BookingVisitor.At(monday, "10:00") }), HttpStatusCode.Conflict);
        refused.QuerySelector("h2")!.TextContent.ShouldBe("Sorry, that time has just gone");
        refused.QuerySelector(".notice p")!.TextContent.ShouldContain("Yours is still");
        (await app.Anonymous().TimesAsync("mover", monday)).ShouldBe(["09:00", "09:30", "10:30", "11:30"]);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.events WHERE user_id = $1 AND NOT deleted", app.UserId("mover"))).ShouldBe(2);
    }

    [Fact]
    public async Task What_the_owner_does_with_the_event_happens_to_the_booking()
    {
        var owner = app.As("host");
        await owner.TakeBookingsAsync("host");
        var monday = Provider.Monday;
        var link = await visitor.BookAsync("host", BookingVisitor.At(monday, "09:00"));
        var other = await visitor.BookAsync("host", BookingVisitor.At(monday, "11:00"));
        var items = (await owner.GetAsync("/v1/bookings").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/events/{items[0]!.Id("eventId")}",
            $$$"""{"start":{"dateTime":"{{{monday.Text()}}}T11:00:00","timeZone":"Asia/Dubai"},"end":{"dateTime":"{{{monday.Text()}}}T11:30:00","timeZone":"Asia/Dubai"}}""").ShouldBeAsync(HttpStatusCode.OK);
        var moved = await visitor.PageAsync(link);
        moved.QuerySelector("h2")!.TextContent.ShouldBe("Your time has changed");
        moved.QuerySelector(".when")!.TextContent.ShouldContain("11:00 to 11:30");
        moved.QuerySelector(".when + p")!.TextContent.ShouldContain("09:00, Dubai time. If the new time does not suit you, choose another or cancel.");
        (await visitor.PageAsync(other)).QuerySelector("h2")!.TextContent.ShouldBe("It is booked");
        (await app.Anonymous().TimesAsync("host", monday)).ShouldBe(["09:00", "09:30", "10:00", "10:30", "11:30"]);

        (await owner.DeleteAsync($"/v1/events/{items[0]!.Id("eventId")}")).IsSuccessStatusCode.ShouldBeTrue();
        (await visitor.PageAsync(link)).QuerySelector(".notice p:not(.when)")!.TextContent.ShouldStartWith("Host could not keep this time.");
        await owner.PostAsync($"/v1/bookings/{items[1]!.Id()}/cancel", new { }).ShouldBeAsync(HttpStatusCode.OK);
        (await visitor.PageAsync(other)).QuerySelector("h2")!.TextContent.ShouldBe("This booking was cancelled");
        (await app.Anonymous().TimesAsync("host", monday)).ShouldBe(WholeMorning);
        await app.As("stranger").PostAsync($"/v1/bookings/{items[1]!.Id()}/cancel", new { }).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task The_calendar_file_has_the_time_and_the_way_to_change_it()
    {
        await app.As("filed").TakeBookingsAsync("filed");
        var link = await visitor.BookAsync("filed", BookingVisitor.At(Provider.Monday, "09:00"));
        using var answer = await visitor.Client.GetAsync($"{link}/event.ics");
        answer.Content.Headers.ContentType!.ToString().ShouldBe("text/calendar; charset=utf-8");
        answer.Content.Headers.ContentDisposition!.FileName.ShouldBe("appointment.ics");
        var text = (await answer.Content.ReadAsStringAsync()).Replace("\r\n ", "", StringComparison.Ordinal);
        text.ShouldContain($"DTSTART:{Provider.Monday:yyyyMMdd}T050000Z");
        text.ShouldContain("SUMMARY:Appointment with Filed");
        text.ShouldContain($"{app.Url.Authority}{link}".Replace(",", "\\,", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_not_offered_cannot_be_taken_whatever_is_sent()
    {
        var owner = app.As("strict");
        await owner.TakeBookingsAsync("strict", body => body["settings"]!["slots"] = new JsonObject { ["noticeMinutes"] = 60 });
        var form = await visitor.FormAsync("strict", BookingVisitor.At(Provider.Monday, "09:00"));
        foreach (var at in new[] { BookingVisitor.At(Provider.Monday, "08:30"), BookingVisitor.At(Provider.Monday, "09:10"), BookingVisitor.At(Provider.Monday, "12:00"), BookingVisitor.At(Provider.Monday.PlusDays(90), "09:00"), "2020-01-06T05:00:00Z" })
            (await visitor.SendAsync("/c/strict/book", new Dictionary<string, string>(form) { ["at"] = at })).StatusCode.ShouldBe(HttpStatusCode.Conflict, at);
        (await visitor.SendAsync("/c/strict/book", new Dictionary<string, string>(form) { ["at"] = "noon" })).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        await app.MirrorAsync("strict", 60);
        var page = await BookingVisitor.ReadAsync(await visitor.SendAsync("/c/strict/book", form), HttpStatusCode.Conflict);
        page.QuerySelector("h2")!.TextContent.ShouldBe("Times cannot be confirmed right now");
        await owner.PublishAsync("strict");
        (await visitor.SendAsync("/c/strict/book", form)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.bookings WHERE user_id = $1", app.UserId("strict"))).ShouldBe(0);
    }

    [Theory]
    [InlineData("name", "", "#name-error")]
    [InlineData("name", "two\nlines", "#name-error")]
    [InlineData("contact", "nobody", "#contact-error")]
    [InlineData("contact", "+12", "#contact-error")]
    [InlineData("note", "password: hunter2 -----BEGIN PRIVATE KEY-----", "#note-error")]
    [InlineData("website", "https://spam.example.com", "[role=alert]")]
    [InlineData("key", "forged", "[role=alert]")]
    public async Task What_is_wrong_with_a_form_is_said_where_it_is_and_nothing_that_was_written_is_lost(string field, string value, string place)
    {
        await app.As("formal").TakeBookingsAsync("formal");
        var form = await visitor.FormAsync("formal", BookingVisitor.At(Provider.Monday, "11:00"), "Sam \"<b>\" O'Hara", note: "First line\nsecond & last");
        form[field] = value;
        var page = await BookingVisitor.ReadAsync(await visitor.SendAsync("/c/formal/book", form), HttpStatusCode.UnprocessableEntity);
        page.QuerySelector(place).ShouldNotBeNull().TextContent.Length.ShouldBeGreaterThan(20);
        page.QuerySelectorAll(".details b").ShouldBeEmpty();
        var again = page.QuerySelectorAll<IHtmlInputElement>("form.details input").ToDictionary(input => input.Name!, input => input.Value);
        if (field != "name")
            again["name"].ShouldBe("Sam \"<b>\" O'Hara");
        if (field != "note")
            page.QuerySelector<IHtmlTextAreaElement>("textarea")!.Value.ShouldBe("First line\nsecond & last");
        // What comes back can be mended and sent.
        (again["name"], again["contact"], again["note"], again["website"]) = ("Sam", "sam@example.com", "", "");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.bookings WHERE user_id = $1 AND status = 'confirmed'", app.UserId("formal"))).ShouldBe(0);
        using var mended = await visitor.SendAsync("/c/formal/book", again);
        mended.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        (await visitor.SendAsync($"{mended.Headers.Location}/cancel", new Dictionary<string, string>())).StatusCode.ShouldBe(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Another_sites_form_a_strangers_link_and_one_booking_too_many_are_refused()
    {
        await app.As("guarded").TakeBookingsAsync("guarded");
        var form = await visitor.FormAsync("guarded", BookingVisitor.At(Provider.Monday, "09:00"));
        foreach (var header in new[] { ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example.com"), ("Origin", "null") })
            (await visitor.SendAsync("/c/guarded/book", form, header)).StatusCode.ShouldBe(HttpStatusCode.Forbidden, header.ToString());
        (await visitor.SendAsync("/c/guarded/book", form, ("Sec-Fetch-Site", "same-origin"))).StatusCode.ShouldBe(HttpStatusCode.SeeOther);

        var link = await visitor.BookAsync("guarded", BookingVisitor.At(Provider.Monday, "09:30"));
        var lost = await visitor.Client.GetStringAsync("/c/guarded").ContinueWith(_ => visitor.Client.GetAsync("/c/nobody-at-all")).Unwrap();
        foreach (var other in new[] { link[..^1] + (link[^1] == 'A' ? 'B' : 'A'), "/c/booking/x", $"/c/booking/{new string('A', 43)}", $"/c/booking/{form["key"]}" })
        {
            using var answer = await visitor.Client.GetAsync(other);
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound, other);
            (await answer.Content.ReadAsStringAsync()).ShouldBe(await lost.Content.ReadAsStringAsync());
        }
        foreach (var time in new[] { "10:00", "10:30", "11:00" })
            await visitor.BookAsync("guarded", BookingVisitor.At(Provider.Monday, time), contact: "SAM@example.com");
        var many = await BookingVisitor.ReadAsync(
            await visitor.SendAsync("/c/guarded/book", await visitor.FormAsync("guarded", BookingVisitor.At(Provider.Monday, "11:30"))), HttpStatusCode.Conflict);
        many.QuerySelector("h2")!.TextContent.ShouldBe("You have enough times ahead");
    }

    [Fact]
    public async Task Nothing_of_a_booking_shows_to_others()
    {
        await app.As("private").TakeBookingsAsync("private");
        var link = await visitor.BookAsync("private", BookingVisitor.At(Provider.Monday, "09:00"), "Hidden Person", "hidden@example.com", "Hidden note");
        foreach (var path in new[] { "/c/private", $"/c/private?day={Provider.Monday.Text()}", "/c/private/slots?days=60", $"/c/private/book?at={BookingVisitor.At(Provider.Monday, "09:30")}" })
        {
            using var answer = await visitor.Client.GetAsync(path);
            var text = await answer.Content.ReadAsStringAsync() + string.Join(' ', answer.Headers);
            foreach (var secret in new[] { "Hidden", "hidden@", link[^20..], app.UserId("private").ToString() })
                text.ShouldNotContain(secret, Case.Sensitive, path);
        }
        using var mine = await visitor.Client.GetAsync(link);
        mine.Headers.CacheControl!.NoStore.ShouldBeTrue();
        mine.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        (await app.As("nosy").GetAsync("/v1/bookings").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    /// <summary>Somebody who opened the form before the time was gone.</summary>
    private async Task<Dictionary<string, string>> LateFormAsync(string slug, string gone)
    {
        var form = await visitor.FormAsync(slug, BookingVisitor.At(Provider.Monday, "11:30"), "Late Visitor", "late@example.com");
        form["at"] = gone;
        return form;
    }
}
