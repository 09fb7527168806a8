using System.Text;
using Lockstep.Calendaring.ICalendar;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class DocumentTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_file_is_written_back_byte_for_byte()
    {
        foreach (var file in CalendarFiles.All)
        {
            var bytes = File.ReadAllBytes(file);
            CalendarDocument.Parse(bytes).ToBytes().ShouldBe(bytes, file);
        }
        output.WriteLine($"{CalendarFiles.All.Count} files, those of {CalendarFiles.Shared ?? "no shared directory"} among them:");
        output.WriteLine(string.Join(' ', CalendarFiles.All.Select(Path.GetFileName)));
        CalendarFiles.All.Count.ShouldBeGreaterThan(5);
    }

    [Fact]
    public void Changing_a_summary_changes_that_line_alone_in_every_file()
    {
        foreach (var file in CalendarFiles.All)
        {
            var bytes = File.ReadAllBytes(file);
            var count = CalendarDocument.Parse(bytes).ComponentsNamed("VEVENT").Count();
            for (var i = 0; i < count; i++)
            {
                var document = CalendarDocument.Parse(bytes);
                var vevent = document.ComponentsNamed("VEVENT").ElementAt(i);
                if (vevent.Property("SUMMARY") is not { } old)
                    continue;
                vevent.SetText("SUMMARY", "Changed; here, now");
                var changed = document.ToBytes();
                var at = bytes.AsSpan().CommonPrefixLength(changed);
                var start = Latin1(bytes).IndexOf(Latin1(old.Raw.Span), StringComparison.Ordinal);
                // Prefix up to the old line, then the new one, then the same rest.
                changed.Length.ShouldBe(bytes.Length - old.Raw.Length + vevent.Property("SUMMARY")!.Raw.Length, file);
                at.ShouldBeGreaterThanOrEqualTo(start, file);
                var rest = bytes.Length - (Latin1(bytes).IndexOf(Latin1(old.Raw.Span), Math.Max(0, at - old.Raw.Length), StringComparison.Ordinal) + old.Raw.Length);
                changed.AsSpan()[^rest..].SequenceEqual(bytes.AsSpan()[^rest..]).ShouldBeTrue(file);
                vevent.Text("SUMMARY").ShouldBe("Changed; here, now");
            }
        }
    }

    [Fact]
    public void Setting_what_is_there_already_changes_nothing()
    {
        const string Text = "BEGIN:VEVENT\nSUMMARY;LANGUAGE=de:Lang\n  er Titel\\, gefaltet\nEND:VEVENT\n";
        var document = CalendarDocument.Parse(Text);
        document.Components.Single().SetText("SUMMARY", "Lang er Titel, gefaltet");
        document.IsChanged.ShouldBeFalse();
        document.ToString().ShouldBe(Text);
    }

    [Fact]
    public void Folded_lines_parameters_and_carets_are_read()
    {
        var line = CalendarDocument.Parse(
            "BEGIN:VEVENT\r\nATTENDEE;CN=\"Doe; ^'Jo^': ^^ ^n\r\n  Ltd\";ROLE=REQ-PARTICIPANT;X-A=1,\"2,3\":mailto:jo\r\n @example.com\r\nEND:VEVENT\r\n")
            .Components.Single().Property("ATTENDEE")!;
        line.Value.ShouldBe("mailto:jo@example.com");
        line.Parameter("cn").ShouldBe("Doe; \"Jo\": ^ \n Ltd");
        line.Parameters.Single(p => p.Name == "X-A").Values.ShouldBe(["1", "2,3"]);
    }

    [Fact]
    public void A_fold_may_cut_a_character_in_two()
    {
        byte[] bytes = [.. "BEGIN:VEVENT\r\nSUMMARY:a"u8, 0xC3, .. "\r\n "u8, 0xA4, .. "b\r\nEND:VEVENT\r\n"u8];
        var document = CalendarDocument.Parse(bytes);
        document.Components.Single().Text("SUMMARY").ShouldBe("aäb");
        document.ToBytes().ShouldBe(bytes);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_kept_and_reported()
    {
        var bytes = Encoding.Latin1.GetBytes("BEGIN:VEVENT\r\nSUMMARY:Gr\u00fc\u00dfe\r\nEND:VEVENT\r\n");
        var document = CalendarDocument.Parse(bytes);
        document.ToBytes().ShouldBe(bytes);
        document.Components.Single().Text("SUMMARY").ShouldBe("Grüße");
        document.Problems.ShouldContain(p => p.Kind == ProblemKind.NotUtf8 && p.Line == 2);
    }

    [Theory]
    [InlineData("", ProblemKind.Empty, 0)]
    [InlineData("<html>no calendar</html>", ProblemKind.BadLine, 1)]
    [InlineData("BEGIN:VCALENDAR\r\nnonsense\r\nEND:VCALENDAR\r\n", ProblemKind.BadLine, 2)]
    [InlineData("BEGIN:VCALENDAR\r\n\r\nEND:VCALENDAR\r\n", ProblemKind.BlankLine, 2)]
    [InlineData("BEGIN:VCALENDAR\nEND:VCALENDAR\n", ProblemKind.BareLineFeed, 1)]
    [InlineData("BEGIN:VCALENDAR\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", ProblemKind.UnmatchedEnd, 2)]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", ProblemKind.MissingEnd, 3)]
    [InlineData("BEGIN:VCALENDAR", ProblemKind.MissingEnd, 1)]
    public void What_is_wrong_is_reported_with_its_line_and_kept(string text, ProblemKind kind, int line)
    {
        var document = CalendarDocument.Parse(text);
        document.Problems.ShouldContain(p => p.Kind == kind && p.Line == line);
        document.ToString().ShouldBe(text);
        document.ToBytes().ShouldBe(Encoding.UTF8.GetBytes(text));
    }

    [Fact]
    public void Limits_are_reported_and_nothing_is_lost()
    {
        var text = string.Concat(Enumerable.Repeat("BEGIN:X\r\n", 40)) + "SUMMARY:" + new string('x', 500) + "\r\n"
            + string.Concat(Enumerable.Repeat("END:X\r\n", 40));
        foreach (var (limits, kind) in new (CalendarLimits, ProblemKind)[]
        {
            (new() { MaxBytes = 100 }, ProblemKind.TooLarge),
            (new() { MaxLines = 10 }, ProblemKind.TooManyLines),
            (new() { MaxDepth = 8 }, ProblemKind.TooDeep),
            (new() { MaxLineBytes = 400 }, ProblemKind.LineTooLong),
        })
        {
            var document = CalendarDocument.Parse(Encoding.UTF8.GetBytes(text), limits);
            document.Problems.ShouldContain(p => p.Kind == kind);
            Encoding.UTF8.GetString(document.ToBytes()).ShouldBe(text);
        }
    }

    [Fact]
    public void A_byte_order_mark_stays_in_front()
    {
        byte[] bytes = [0xEF, 0xBB, 0xBF, .. "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"u8];
        var document = CalendarDocument.Parse(bytes);
        document.Calendar.ShouldNotBeNull();
        document.ToBytes().ShouldBe(bytes);
    }

    private static string Latin1(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}
