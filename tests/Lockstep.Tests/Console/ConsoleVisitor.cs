using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.ConsolePages;

/// <summary>A browser without script: keeps cookies, follows links, fills in forms.</summary>
internal sealed class ConsoleVisitor(Uri site) : IDisposable
{
#pragma warning disable RS0030 // Tests are the other side.
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false }) { BaseAddress = site, Timeout = TimeSpan.FromSeconds(60) };
#pragma warning restore RS0030

    /// <summary>As the header has it; null without one.</summary>
    public string? Cookie { get; set; }

    public HttpResponseMessage Last { get; private set; } = null!;

    /// <summary>Signs in with a token of this subject.</summary>
    public static async Task<ConsoleVisitor> SignInAsync(LockstepApp app, string subject, string role = "authenticated")
    {
        var visitor = new ConsoleVisitor(app.Url);
        using var answer = await visitor.PostAsync("/console/sign-in", new() { ["jwt"] = app.Token(subject, role) });
        answer.StatusCode.ShouldBe(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync());
        return visitor;
    }

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        if (Cookie is not null)
            request.Headers.TryAddWithoutValidation("Cookie", Cookie);
        Last = await client.SendAsync(request);
        if (Last.Headers.TryGetValues("Set-Cookie", out var set))
        {
            var pair = set.Single().Split(';')[0];
            Cookie = pair.EndsWith('=') ? null : pair;
        }
        return Last;
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    /// <summary>As a browser sends a form of a page of ours.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string> form, string? origin = null, string? site = "same-origin")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form) };
        if (origin is not null)
            request.Headers.TryAddWithoutValidation("Origin", origin);
        if (site is not null)
            request.Headers.TryAddWithoutValidation("Sec-Fetch-Site", site);
        return SendAsync(request);
    }

    public async Task<IHtmlDocument> PageAsync(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var answer = await GetAsync(path);
        return await ReadAsync(answer, status);
    }

    /// <summary>Sends the form of that page whose action ends so, with what is given over what stands in it, and follows where it leads.</summary>
    public async Task<IHtmlDocument> FillAsync(IHtmlDocument page, string action, Dictionary<string, string>? given = null, HttpStatusCode status = HttpStatusCode.OK)
    {
        var form = page.QuerySelectorAll<IHtmlFormElement>("form").First(one => one.GetAttribute("action")!.EndsWith(action, StringComparison.Ordinal));
        var fields = new Dictionary<string, string>();
        foreach (var input in form.QuerySelectorAll<IHtmlInputElement>("input[name]").Where(input => input.Type is not ("checkbox" or "radio") || input.IsChecked))
            fields[input.Name!] = input.Value;
        foreach (var select in form.QuerySelectorAll<IHtmlSelectElement>("select[name]"))
            fields[select.Name!] = select.Value!;
        foreach (var area in form.QuerySelectorAll<IHtmlTextAreaElement>("textarea[name]"))
            fields[area.Name!] = area.Value;
        if (form.QuerySelector<IHtmlButtonElement>("button[name]") is { } button)
            fields[button.Name!] = button.Value;
        foreach (var (name, value) in given ?? [])
            fields[name] = value;
        using var answer = await PostAsync(form.GetAttribute("action")!, fields);
        return answer.StatusCode == HttpStatusCode.SeeOther ? await PageAsync(answer.Headers.Location!.ToString(), status) : await ReadAsync(answer, status);
    }

    public void Dispose() => client.Dispose();

    public static async Task<IHtmlDocument> ReadAsync(HttpResponseMessage answer, HttpStatusCode status)
    {
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(status, text);
        answer.Content.Headers.ContentType!.ToString().ShouldBe("text/html; charset=utf-8");
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
        return new HtmlParser().ParseDocument(text);
    }
}
