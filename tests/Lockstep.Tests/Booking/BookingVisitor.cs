using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Lockstep.Tests.Booking;

/// <summary>Somebody without an account and without script: follows links and sends forms.</summary>
internal sealed class BookingVisitor(Uri site) : IDisposable
{
#pragma warning disable RS0030 // Tests are the other side.
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, MaxConnectionsPerServer = 300 }) { BaseAddress = site, Timeout = TimeSpan.FromSeconds(100) };
#pragma warning restore RS0030

    public HttpClient Client => client;

    public static string At(LocalDate day, string time, string zone = "Asia/Dubai") => InstantPattern.General.Format(
        (day + LocalTimePattern.CreateWithInvariantCulture("HH:mm").Parse(time).Value).InZoneStrictly(DateTimeZoneProviders.Tzdb[zone]).ToInstant());

    public async Task<IHtmlDocument> PageAsync(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var response = await client.GetAsync(path);
        return await ReadAsync(response, status);
    }

    /// <summary>The form for a time, filled in; ready to be sent, once or twice.</summary>
    public async Task<Dictionary<string, string>> FormAsync(string slug, string at, string name = "Sam Visitor", string contact = "sam@example.com", string note = "")
    {
        var page = await PageAsync($"/c/{slug}/book?at={at}&tz=Asia/Dubai");
        var form = page.QuerySelectorAll<IHtmlInputElement>("form.details input").ToDictionary(input => input.Name!, input => input.Value);
        (form["name"], form["contact"], form["note"]) = (name, contact, note);
        return form;
    }

    public Task<HttpResponseMessage> SendAsync(string path, IReadOnlyDictionary<string, string> form, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form) };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return client.SendAsync(request);
    }

    /// <summary>Takes a time.</summary>
    /// <returns>The link to the booking.</returns>
    public async Task<string> BookAsync(string slug, string at, string name = "Sam Visitor", string contact = "sam@example.com", string note = "")
    {
        using var response = await SendAsync($"/c/{slug}/book", await FormAsync(slug, at, name, contact, note));
        response.StatusCode.ShouldBe(HttpStatusCode.SeeOther, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!.ToString();
    }

    public static async Task<IHtmlDocument> ReadAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(status, text);
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/html; charset=utf-8");
        return new HtmlParser().ParseDocument(text);
    }

    public void Dispose() => client.Dispose();
}

internal static class BookingCalls
{
    /// <summary>A public page on which times can be taken.</summary>
    public static Task<System.Text.Json.Nodes.JsonNode> TakeBookingsAsync(this HttpClient owner, string slug, Action<System.Text.Json.Nodes.JsonObject>? change = null) =>
        owner.PublishAsync(slug, body =>
        {
            body["settings"]!["booking"] = new System.Text.Json.Nodes.JsonObject { ["enabled"] = true };
            change?.Invoke(body);
        });
}
