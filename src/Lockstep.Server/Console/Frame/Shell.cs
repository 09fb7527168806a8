using Microsoft.AspNetCore.Components;
using NodaTime;

namespace Lockstep.Server.Console.Frame;

/// <summary>What every page knows.</summary>
/// <param name="Who">Empty before signing in.</param>
/// <param name="Token">What each form carries.</param>
/// <param name="Section">The lit entry of the menu.</param>
/// <param name="Notice">What was done just now; null for nothing.</param>
/// <param name="Refusal">Why it was not done.</param>
public sealed record Shell(string Who, string Token, string Section, bool IsOperator, string? Notice, Refusal? Refusal, Instant Now)
{
    /// <summary>As the audit names who looks at the page; "" before signing in.</summary>
    public string Actor { get; init; } = "";
}

/// <summary>A page of the console: drawn once on the server, from what its handler found.</summary>
/// <remarks>Razor makes its classes public, so what a page shows is handed over as an object and cast inside.</remarks>
public abstract class ConsolePage : ComponentBase
{
    [Parameter, EditorRequired]
    public Shell Shell { get; set; } = null!;

    [Parameter, EditorRequired]
    public object Model { get; set; } = null!;

    protected string? Wrong(string field) => Shell.Refusal?.About(field);
}
