using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>docs/change-sync.md says by which test each property is held.</summary>
public sealed class ChangeSyncTableTests
{
    private const int RowsThere = 56;

    [Fact]
    public void Every_test_that_the_table_names_is_there_and_is_not_skipped()
    {
        var rows = NamedTests.RowsOf("change-sync.md");
        rows.Count.ShouldBeGreaterThanOrEqualTo(RowsThere);
        NamedTests.ShouldBeThere(rows);
    }
}
