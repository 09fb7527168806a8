using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Lockstep.Server.Booking.Page;

/// <summary>Markup. What stands in a template is markup; what is filled into it is encoded, unless it is markup itself.</summary>
/// <remarks>There is no way to make one of a string, so nothing that a user typed can become a tag. Attribute values stand in double quotes.</remarks>
internal readonly struct Html
{
    public static readonly Html Nothing;

    private readonly string? text;

    private Html(string text) => this.text = text;

    public static Html Of(Template template) => new(template.Text);

    /// <summary>A file of this program, as it stands.</summary>
    public static Html Resource(string name)
    {
        using var reader = new StreamReader(typeof(Html).Assembly.GetManifestResourceStream(name)!);
        return new Html(reader.ReadToEnd());
    }

    public override string ToString() => text ?? "";

    /// <summary>Puts a template together; the compiler calls it for each literal and each hole.</summary>
    [InterpolatedStringHandler]
    internal sealed class Template(int literalLength, int formattedCount)
    {
        private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

        private readonly StringBuilder markup = new(literalLength + (16 * formattedCount));

        public string Text => markup.ToString();

        public void AppendLiteral(string literal) => markup.Append(literal);

        public void AppendFormatted(string? value) => markup.Append(Encoder.Encode(value ?? ""));

        public void AppendFormatted(int value) => markup.Append(value.ToString(CultureInfo.InvariantCulture));

        public void AppendFormatted(Html html) => markup.Append(html.text);

        public void AppendFormatted(IEnumerable<Html> several)
        {
            foreach (var html in several)
                markup.Append(html.text);
        }
    }
}
