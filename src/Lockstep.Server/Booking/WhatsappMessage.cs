using System.Text.RegularExpressions;

namespace Lockstep.Server.Booking;

/// <summary>The message that a visitor sends; WhatsApp opens with it filled in (wa.me, "click to chat").</summary>
internal static partial class WhatsappMessage
{
    public const string Standard = "Hello, I would like to book {date} at {time}.";

    private const int MaxLength = 500;

    /// <returns>Null for a good template, else what is wrong with it.</returns>
    public static string? Fault(string template) =>
        template.Length is 0 or > MaxLength ? $"A message has 1 to {MaxLength} characters." :
        template.Any(c => char.IsControl(c) && c != '\n') ? "A message is plain text." :
        Placeholder().Matches(template).Select(match => match.Value).FirstOrDefault(name => name is not ("{date}" or "{time}")) is { } unknown
            ? $"There is no placeholder {(unknown.Length > 40 ? "of that name" : unknown)}; there are {{date}} and {{time}}." :
        !template.Contains("{date}", StringComparison.Ordinal) || !template.Contains("{time}", StringComparison.Ordinal)
            ? "A message names the time that was chosen: put {date} and {time} into it." :
        null;

    /// <summary>The address that opens the chat with the filled-in template.</summary>
    /// <param name="phone">E.164; wa.me takes its digits.</param>
    public static string Link(string phone, string? template, string date, string time) =>
        Link(phone, Placeholder().Replace(template ?? Standard, match => match.Value == "{date}" ? date : time));

    /// <param name="phone">E.164.</param>
    public static string Link(string phone, string text) => $"https://wa.me/{phone.TrimStart('+')}?text={Uri.EscapeDataString(text)}";

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Placeholder();
}
