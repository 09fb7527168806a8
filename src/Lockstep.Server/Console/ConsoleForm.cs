using System.Diagnostics.CodeAnalysis;
using Lockstep.Crypto;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console;

/// <summary>What a form sent, as text.</summary>
internal sealed class ConsoleForm(IFormCollection form)
{
    public static readonly ConsoleForm Empty = new(FormCollection.Empty);

    /// <summary>Trimmed; "" for a field that is not there.</summary>
    public string this[string name] => form.TryGetValue(name, out var value) ? (value.Count > 0 ? value[0]! : "").Trim() : "";

    /// <summary>As it was typed.</summary>
    public string Raw(string name) => form.TryGetValue(name, out var value) && value.Count > 0 ? value[0]! : "";

    public bool Has(string name) => this[name].Length > 0;

    public string? OrNull(string name) => this[name] is { Length: > 0 } text ? text : null;

    public IReadOnlyList<string> All(string name) => form.TryGetValue(name, out var value) ? [.. value.OfType<string>()] : [];

    /// <summary>As it was typed, blanks too; the receiver disposes it.</summary>
    /// <returns>Null for a field that is empty, or holds half a character.</returns>
    public Secret? Secret(string name)
    {
        if (!form.TryGetValue(name, out var value) || value.Count == 0 || value[0] is not { Length: > 0 } text)
            return null;
        try
        {
            return Crypto.Secret.FromText(text);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Called by the router for a handler that takes one.</summary>
    [SuppressMessage("Style", "IDE0060", Justification = "The signature is the framework's.")]
    public static async ValueTask<ConsoleForm> BindAsync(HttpContext context) =>
        context.Request.HasFormContentType ? new ConsoleForm(await context.Request.ReadFormAsync(context.RequestAborted)) : Empty;
}
