using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>tests/vectors, which the TypeScript client runs too: whoever breaks one of them breaks the two apart.</summary>
public sealed class VectorTests
{
    [Fact]
    public void Changes_merge_to_the_state_of_the_vectors_in_every_order_and_once_more()
    {
        foreach (var given in Items("conflict-rule.json", "cases"))
        {
            var name = given.Text("name");
            var kind = Enum.Parse<MergeKind>(given.Text("kind"), ignoreCase: true);
            var changes = given["changes"]!.AsArray().Select(change => State(change!)).ToList();
            var merged = State(given["merged"]!);
            foreach (var order in Orders(changes))
            {
                var result = order.Aggregate(RecordState.Nothing, (left, right) => ConflictRule.Merge(kind, left, right));
                result.ShouldBe(merged, name);
                order.ShouldAllBe(change => ConflictRule.Merge(kind, result, change).Equals(result), name);
            }
        }
    }

    [Fact]
    public void Times_are_read_and_written_as_in_the_vectors()
    {
        foreach (var given in Items("hybrid-clock.json", "read"))
        {
            var read = FieldTime.Parse(given.Text("text"), "a");
            if (given["refused"] is not null)
            {
                read.ShouldBeNull(given.Text("text"));
                continue;
            }
            read.ShouldNotBeNull(given.Text("text"));
            (read.Value.Milliseconds.ToString(System.Globalization.CultureInfo.InvariantCulture), read.Value.Counter, read.Value.ToString())
                .ShouldBe((given.Text("ms"), given["counter"]!.GetValue<int>(), given.Text("written")));
        }
    }

    [Fact]
    public void Times_are_compared_and_bounded_as_in_the_vectors()
    {
        foreach (var given in Items("hybrid-clock.json", "compare"))
            Math.Sign(Time(given["left"]!).CompareTo(Time(given["right"]!))).ShouldBe(given["order"]!.GetValue<int>(), given.ToJsonString());
        foreach (var given in Items("hybrid-clock.json", "ahead"))
            FieldTime.Parse(given.Text("time"), "a")!.Value.IsAheadOf(Instant.FromUnixTimeMilliseconds(FieldTime.Parse(given.Text("now"), "")!.Value.Milliseconds))
                .ShouldBe(given["refused"]!.GetValue<bool>(), given.ToJsonString());
    }

    [Fact]
    public void Clocks_tick_and_observe_as_in_the_vectors()
    {
        foreach (var given in Items("hybrid-clock.json", "tick"))
            HybridClock.Tick(Reading(given["last"]!), long.Parse(given.Text("now"), System.Globalization.CultureInfo.InvariantCulture))
                .ShouldBe(Reading(given["next"]!), given.ToJsonString());
        foreach (var given in Items("hybrid-clock.json", "observe"))
            HybridClock.Observe(Reading(given["last"]!), Reading(given["seen"]!)).ShouldBe(Reading(given["next"]!), given.ToJsonString());
    }

    [Fact]
    public void Values_have_the_text_of_the_vectors()
    {
        foreach (var given in Items("values.json", "canonical"))
            JsonText.Of(JsonText.Parse(given.Text("text"))).ShouldBe(given.Text("canonical"));
    }

    [Fact]
    public void What_the_vectors_call_storable_is_and_the_rest_is_not()
    {
        foreach (var text in Items("values.json", "storable"))
            JsonText.IsStorable(JsonText.Parse(text.GetValue<string>())).ShouldBeTrue(text.ToJsonString());
        foreach (var text in Items("values.json", "unstorable"))
            JsonText.IsStorable(JsonText.Parse(text.GetValue<string>())).ShouldBeFalse(text.ToJsonString());
    }

    [Fact]
    public void Sealed_values_of_the_vectors_open_and_seal_to_the_same_bytes()
    {
        foreach (var field in Items("envelopes.json", "fields"))
        {
            FieldEnvelope.Open(field, field.Text("sealed")).ShouldBe(field.Text("json"), field.Text("name"));
            FieldEnvelope.Seal(field, field.Text("nonce"), field.Text("json")).ShouldBe(field.Text("sealed"), field.Text("name"));
        }
    }

    [Fact]
    public void A_sealed_value_that_was_changed_or_moved_does_not_open()
    {
        foreach (var field in Items("envelopes.json", "refused"))
            FieldEnvelope.Open(field, field.Text("sealed")).ShouldBeNull(field.Text("name"));
    }

    [Fact]
    public void Wrapped_keys_of_the_vectors_open_by_passphrase_and_by_device()
    {
        var envelopes = Read("envelopes.json");
        FieldEnvelope.ByPassphrase(envelopes["passphrase"]!).ShouldBe(envelopes["passphrase"]!.Text("key"));
        FieldEnvelope.ForDevice(envelopes["device"]!).ShouldBe(envelopes["device"]!.Text("key"));
    }

    private static JsonNode Read(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests/vectors", name)))!;

    private static IEnumerable<JsonNode> Items(string name, string list) => Read(name)[list]!.AsArray().Select(item => item!);

    private static ulong Reading(JsonNode reading) =>
        FieldTime.Of(long.Parse(reading.Text("ms"), System.Globalization.CultureInfo.InvariantCulture), reading["counter"]!.GetValue<int>(), "").Clock;

    private static FieldTime Time(JsonNode stated) => FieldTime.Parse(stated.Text("at"), stated.Text("clientId"))!.Value;

    private static RecordState State(JsonNode state) => new(
        RecordState.NoFields.AddRange(state["fields"]!.AsObject().Select(field => KeyValuePair.Create(field.Key, new FieldValue(field.Value!.Text("json"), Time(field.Value!))))),
        state["writtenAt"] is { } written ? Time(written) : null,
        state["deletedAt"] is { } deleted ? Time(deleted) : null);

    private static IEnumerable<ImmutableList<RecordState>> Orders(List<RecordState> items) => items.Count == 0
        ? [[]]
        : items.SelectMany((item, i) => Orders([.. items.Where((_, at) => at != i)]).Select(rest => rest.Insert(0, item)));
}
