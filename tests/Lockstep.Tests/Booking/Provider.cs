using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Lockstep.Tests.Booking;

/// <summary>Short words for setting up somebody with a public page, and for asking it.</summary>
internal static class Provider
{
    private static int asked;

    public static readonly DateTimeZone Dubai = DateTimeZoneProviders.Tzdb["Asia/Dubai"];

    /// <summary>A Monday from 3 to 9 days ahead in Dubai: all of it is in the future while the tests run.</summary>
    public static LocalDate Monday => SystemClock.Instance.GetCurrentInstant().InZone(Dubai).Date.PlusDays(2).Next(IsoDayOfWeek.Monday);

    public static string Text(this LocalDate date) => LocalDatePattern.Iso.Format(date);

    /// <summary>A public page with hours from 09:00 to 12:00 on every day.</summary>
    public static JsonObject Public(string slug) => new()
    {
        ["publicSlug"] = slug,
        ["isPublic"] = true,
        ["timezone"] = "Asia/Dubai",
        ["settings"] = new JsonObject
        {
            ["workingHours"] = new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4, 5, 6, 7), ["start"] = "09:00", ["end"] = "12:00" },
            ["whatsapp"] = new JsonObject
            {
                ["enabled"] = true,
                ["phoneE164"] = "+971501234567",
                ["messageTemplate"] = "Hi & hello! May I come on {date} at {time}?",
            },
        },
    };

    public static async Task<JsonNode> PublishAsync(this HttpClient owner, string slug, Action<JsonObject>? change = null)
    {
        var body = Public(slug);
        change?.Invoke(body);
        return await owner.PutAsJsonAsync("/v1/provider", body).ShouldBeAsync(HttpStatusCode.OK);
    }

    /// <summary>The start of each slot of a day, by the clock in Dubai.</summary>
    /// <remarks>Asked from another second of the night each time: the answer to the same question may be some seconds old.</remarks>
    public static async Task<List<string>> TimesAsync(this HttpClient visitor, string slug, LocalDate day)
    {
        var answer = await visitor.AskedAsync(slug, day);
        answer["unconfirmed"]!.GetValue<bool>().ShouldBeFalse();
        return [.. answer["slots"]!.AsArray().Select(slot =>
            InstantPattern.ExtendedIso.Parse(slot!.Text("start")).Value.InZone(Dubai).ToString("HH:mm", null))];
    }

    /// <summary>The free times of a day in Dubai.</summary>
    public static Task<JsonNode> AskedAsync(this HttpClient visitor, string slug, LocalDate day)
    {
        var night = TimeSpan.FromSeconds(Interlocked.Increment(ref asked));
        return visitor.GetAsync($"/c/{slug}/slots?from={day.Text()}T{night:hh\\:mm\\:ss}%2B04:00&days=1").ShouldBeAsync(HttpStatusCode.OK);
    }

    public static Task<JsonNode> TakeAsync(this HttpClient owner, string summary, LocalDate day, string start, string end, params string[] recurrence) =>
        owner.PostAsync("/v1/events", new
        {
            summary,
            description = "Nobody may read this description",
            location = "Hidden place",
            start = new { dateTime = $"{day.Text()}T{start}:00", timeZone = "Asia/Dubai" },
            end = new { dateTime = $"{day.Text()}T{end}:00", timeZone = "Asia/Dubai" },
            recurrence,
        }).ShouldBeAsync(HttpStatusCode.Created);

    /// <summary>A calendar as the worker would have left it; what reads it is what is tested.</summary>
    /// <param name="readMinutesAgo">Null: it was never read.</param>
    public static async Task<(Guid Id, string Href)> MirrorAsync(
        this LockstepApp app, string subject, double? readMinutesAgo, bool failing = false, bool enabled = true)
    {
        var (id, integration) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var href = $"https://caldav.example.com/{subject}/{id:N}/";
        await app.ScalarAsync<Guid>(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, enabled, config) VALUES ($1, $2, 'caldav', 'Calendar', $3, $4, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb)) RETURNING id",
            integration, app.UserId(subject), id.ToString(), enabled);
        await app.ScalarAsync<Guid>(
            """
            INSERT INTO lockstep.calendars (id, integration_id, user_id, href, name, last_read_at, unreadable_since)
            VALUES ($1, $2, $3, $4, 'Private name', clock_timestamp() - make_interval(secs => $5), CASE WHEN $6 THEN clock_timestamp() END)
            RETURNING id
            """,
            id, integration, app.UserId(subject), href, readMinutesAgo * 60 ?? (object)DBNull.Value, failing);
        return (id, href);
    }
}
