using System.Text.Encodings.Web;
using System.Text.Unicode;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Console.Frame;

/// <summary>Draws Razor components to HTML, once, without a circuit and without script.</summary>
/// <remarks>
/// The renderer alone, not the framework around it: that would bring data-protection keys in the home directory, which several nodes would have to share.
/// </remarks>
internal sealed class ConsoleRenderer : IDisposable
{
    // Letters of all languages as they are; < > & " are encoded in any case.
    private readonly ServiceProvider services = new ServiceCollection().AddLogging().AddSingleton(HtmlEncoder.Create(UnicodeRanges.All)).BuildServiceProvider();

    public async Task<IResult> Draw<TPage>(Shell shell, object model, int status)
        where TPage : ConsolePage => Results.Content(await Html<TPage>(shell, model), "text/html; charset=utf-8", statusCode: status);

    public async Task<string> Html<TPage>(Shell shell, object model)
        where TPage : ConsolePage
    {
        await using var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(ConsolePage.Shell)] = shell, [nameof(ConsolePage.Model)] = model });
            var root = await renderer.RenderComponentAsync<TPage>(parameters);
            return root.ToHtmlString();
        });
    }

    public void Dispose() => services.Dispose();
}
