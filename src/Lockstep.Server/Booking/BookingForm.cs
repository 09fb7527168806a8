using System.Text.RegularExpressions;
using Lockstep.Server.Booking.Page;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Http;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking;

/// <summary>What a visitor sends to book a time, as it came; trimmed, nothing else.</summary>
/// <param name="At">The start, as the page wrote it.</param>
/// <param name="Trap">People do not see this field; who fills it in is a program.</param>
internal sealed partial record BookingForm(string At, string Name, string Contact, string Note, string Tz, string Key, string Trap)
{
    public static readonly BookingForm Empty = new("", "", "", "", "", "", "");

    private const int MaxNote = 1000;

    public static BookingForm Read(IFormCollection form) => new(
        Field(form, "at"), Field(form, "name"), Field(form, "contact"), Field(form, "note").ReplaceLineEndings("\n"), Field(form, "tz"), Field(form, "key"), Field(form, "website"));

    /// <summary>Null for what is not an instant.</summary>
    public Instant? Start => ReadInstant(At);

    /// <summary>Null: the visitor has not said, or not what is a zone.</summary>
    public DateTimeZone? Zone => ZoneNames.Find(Tz);

    public static Instant? ReadInstant(string? text) =>
        InstantPattern.General.Parse(text ?? "") is { Success: true } parsed && parsed.Value.ToDateTimeUtc().Year is > 2000 and < 9000 ? parsed.Value : null;

    public static string Write(Instant start) => InstantPattern.General.Format(start);

    public FieldErrors Check()
    {
        var errors = new FieldErrors();
        errors.Require(Name.Length is >= 1 and <= 100 && IsLine(Name), "name", "Tell us your name, in at most 100 characters.");
        errors.Require(Contact.Length <= 254 && IsLine(Contact) && (Email().IsMatch(Contact) || IsPhone(Contact)), "contact",
            "Write an e-mail address such as sam@example.com, or a phone number such as +971 50 123 4567.");
        errors.Require(Note.Length <= MaxNote && IsLine(Note.Replace("\n", "", StringComparison.Ordinal)), "note", $"A note is plain text of at most {MaxNote} characters.");
        errors.Require(Trap.Length == 0, "website", "Leave the field \"Website\" empty and send the form again: it is there to catch programs.");
        var secrets = new FieldErrors();
        secrets.RefuseSecrets("note", Note);
        errors.Require(!secrets.Any, "note", "This looks like a password or a key. Leave it out: nobody should get one this way.");
        return errors;
    }

    private static string Field(IFormCollection form, string name) => (form.TryGetValue(name, out var value) ? value.ToString() : "").Trim();

    /// <summary>No control characters: neither a NUL for PostgreSQL nor a line that hides.</summary>
    private static bool IsLine(string text) => !text.Any(char.IsControl);

    private static bool IsPhone(string text) => Phone().IsMatch(text) && text.Count(char.IsAsciiDigit) is >= 6 and <= 15;

    [GeneratedRegex(@"^[^@\s]+@[^@\s]+\.[^@\s]+\z")]
    private static partial Regex Email();

    [GeneratedRegex(@"^\+?[0-9 ()./-]{6,30}\z")]
    private static partial Regex Phone();
}
