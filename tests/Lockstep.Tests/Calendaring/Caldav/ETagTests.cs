using Lockstep.Calendaring.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

public sealed class ETagTests
{
    [Theory]
    [InlineData("\"abc\"", "\"abc\"")]
    [InlineData(" W/\"abc\" ", "\"abc\"")]
    [InlineData("abc", "\"abc\"")]
    [InlineData("", null)]
    [InlineData("\"\"", null)]
    [InlineData(null, null)]
    [InlineData("\"a\r\nX: y\"", null)]
    [InlineData("\"half", null)]
    public void A_tag_is_read_as_servers_write_it(string? text, string? expected) => ETag.Parse(text)?.Value.ShouldBe(expected);
}
