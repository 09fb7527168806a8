using Lockstep.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.ChangeSync;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

public sealed class ConflictRuleTests
{
    // Few names, times and clients, so that ties are frequent.
    private static readonly Gen<FieldTime> Times =
        from at in Gen.Choose(1, 6)
        from counter in Gen.Choose(0, 1)
        from client in Gen.Elements("a", "b")
        select FieldTime.Of(at, counter, client);

    private static readonly Gen<RecordState> Changes = Gen.OneOf(
        from at in Times select RecordState.Delete(at),
        from at in Times
        from names in Gen.SubListOf("x", "y", "z")
        from values in Gen.ArrayOf(Gen.Elements("1", "2", "\"t\""), names.Count)
        from times in Gen.ArrayOf(Times, names.Count)
        select RecordState.Write(names.Select((name, i) => KeyValuePair.Create(name, new FieldValue(values[i], times[i]))), at));

    // A register has one time for all its fields.
    private static readonly Gen<RecordState> Registers = Changes.Select(change => change.WrittenAt is { } at
        ? RecordState.Write(change.Fields.Select(field => KeyValuePair.Create(field.Key, field.Value with { At = at })), at)
        : change);

    private static readonly Gen<(MergeKind Kind, RecordState[] States)> Three = Gen.OneOf(
        States(MergeKind.Fields, Changes), States(MergeKind.Register, Registers));

    [Fact]
    public void Merging_is_commutative() => Hold(Three, given =>
        Merge(given.Kind, given.States[0], given.States[1]).Equals(Merge(given.Kind, given.States[1], given.States[0])));

    [Fact]
    public void Merging_is_associative() => Hold(Three, given =>
        Merge(given.Kind, Merge(given.Kind, given.States[0], given.States[1]), given.States[2])
            .Equals(Merge(given.Kind, given.States[0], Merge(given.Kind, given.States[1], given.States[2]))));

    [Fact]
    public void Merging_is_idempotent() => Hold(Three, given =>
        Merge(given.Kind, given.States[0], given.States[0]).Equals(given.States[0])
        && Merge(given.Kind, Merge(given.Kind, given.States[0], given.States[1]), given.States[1]).Equals(Merge(given.Kind, given.States[0], given.States[1])));

    [Fact]
    public void Whoever_merges_the_deltas_of_the_log_ends_with_the_state_of_the_server() => Hold(Three, given =>
    {
        var (server, client) = (RecordState.Nothing, RecordState.Nothing);
        foreach (var change in given.States)
        {
            var after = Merge(given.Kind, server, change);
            if (RecordDelta.Between(given.Kind, server, after) is { } delta)
                client = Merge(given.Kind, client, delta.State);
            server = after;
        }
        return client.Equals(server);
    });

    [Fact]
    public void A_state_written_to_the_database_reads_back_the_same() => Hold(Three, given =>
    {
        var state = given.States.Aggregate((left, right) => Merge(given.Kind, left, right));
        return StateText.Read(StateText.Data(state), StateText.Times(state), StateText.Time(state.WrittenAt), StateText.Time(state.DeletedAt)).Equals(state);
    });

    [Fact]
    public void Edits_of_different_fields_both_survive()
    {
        var merged = Merge(MergeKind.Fields, Write(1, ("x", "1")), Write(2, ("y", "2")));
        merged.Fields.Keys.ShouldBe(["x", "y"]);
    }

    [Fact]
    public void A_field_written_after_the_delete_brings_back_what_was_written_since_and_no_more()
    {
        var merged = Merge(MergeKind.Fields, Merge(MergeKind.Fields, Write(1, ("x", "1"), ("y", "1")), RecordState.Delete(At(2))), Write(3, ("y", "3")));
        merged.IsLive.ShouldBeTrue();
        merged.Fields.Keys.ShouldBe(["y"]);
    }

    [Fact]
    public void A_register_wins_or_loses_as_a_whole()
    {
        var merged = Merge(MergeKind.Register, Write(1, ("x", "1"), ("y", "1")), Write(2, ("x", "2")));
        merged.Fields.Keys.ShouldBe(["x"]);
    }

    [Theory]
    [InlineData("2026-03-01T09:00:00.250Z", "2026-03-01T09:00:00.250Z")]
    [InlineData("2026-03-01T13:00:00.25+04:00", "2026-03-01T09:00:00.250Z")]
    [InlineData("2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000Z")]
    [InlineData("2026-03-01T09:00:00.250Z-00ff", "2026-03-01T09:00:00.250Z-00ff")]
    [InlineData("1910-03-01T09:00:00Z", "1970-01-01T00:00:00.000Z")]
    public void A_time_is_read_and_written(string text, string written) => FieldTime.Parse(text, "a")!.Value.ToString().ShouldBe(written);

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("2026-03-01")]
    [InlineData("2026-03-01T09:00:00.250Z-0")]
    [InlineData("2026-03-01T09:00:00.250Z-00zz")]
    public void What_is_no_time_is_not_read(string text) => FieldTime.Parse(text, "a").ShouldBeNull();

    private static Gen<(MergeKind Kind, RecordState[] States)> States(MergeKind kind, Gen<RecordState> states) =>
        from given in Gen.ArrayOf(states, 3) select (kind, given);

    private static RecordState Merge(MergeKind kind, RecordState left, RecordState right) => ConflictRule.Merge(kind, left, right);

    private static FieldTime At(int milliseconds) => FieldTime.Of(milliseconds, 0, "a");

    private static RecordState Write(int at, params (string Name, string Json)[] fields) =>
        RecordState.Write(fields.Select(field => KeyValuePair.Create(field.Name, new FieldValue(field.Json, At(at)))), At(at));

    private static void Hold<T>(Gen<T> given, Func<T, bool> property) =>
        Check.One(Properties.Config.WithMaxTest(2000), Prop.ForAll(given.ToArbitrary(), property));
}
