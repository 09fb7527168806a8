using System.Reflection;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>docs/calendar-sync.md says by which test each property of the sync is held, and which of them run on both servers.</summary>
public sealed class CalendarSyncTableTests
{
    private const int RowsThere = 52;

    [Fact]
    public void Every_test_that_the_table_names_is_there_and_is_not_skipped()
    {
        var rows = NamedTests.RowsOf("calendar-sync.md");
        rows.Count.ShouldBeGreaterThanOrEqualTo(RowsThere);
        NamedTests.ShouldBeThere(rows);
    }

    [Fact]
    public void What_is_said_to_run_on_both_servers_does()
    {
        foreach (var row in NamedTests.RowsOf("calendar-sync.md"))
        {
            foreach (var name in NamedTests.In(row[1]))
            {
                NamedTests.Method(name, row[0]).GetCustomAttributes<InlineDataAttribute>()
                    .SelectMany(data => data.Data.OfType<Dav>()).Distinct().ShouldBe([Dav.Radicale, Dav.Xandikos], ignoreOrder: true, name);
            }
        }
    }
}
