using System.Text.Json;
using Lockstep.Server.Detection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Detection;

/// <summary>Recall and false positives on synthetic values of a fixed seed; the figures are in the test's output.</summary>
public sealed class DetectionFiguresTests(ITestOutputHelper output)
{
    private const int Seed = 20_26;
    private const int EachFormat = 200;
    private const int GenericValues = 5_000;
    private const int BenignOnes = 100_000;

    [Fact]
    public void Known_formats_are_found_in_json_keys_sentences_base64_and_disguise_at_least_99_times_in_100()
    {
        var secrets = new SyntheticSecrets(new Random(Seed));
        var found = 0;
        foreach (var (kind, draw) in SyntheticSecrets.Structured)
        {
            var hits = Enumerable.Range(0, EachFormat).Count(_ => Scan(secrets.Placed(draw(secrets))).Any(finding => finding.IsStructured));
            hits.ShouldBeGreaterThan(EachFormat * 9 / 10, kind);
            found += hits;
        }
        var all = SyntheticSecrets.Structured.Length * EachFormat;
        output.WriteLine($"structured: {found} of {all} found, recall {100.0 * found / all:0.00} %, {SyntheticSecrets.Structured.Length} formats");
        found.ShouldBeGreaterThanOrEqualTo(all * 99 / 100);
    }

    [Fact]
    public void Random_values_under_telling_names_are_found_at_least_85_times_in_100()
    {
        var secrets = new SyntheticSecrets(new Random(Seed));
        var found = Enumerable.Range(0, GenericValues).Count(_ => Scan(secrets.PlacedGeneric()).Count > 0);
        output.WriteLine($"generic: {found} of {GenericValues} found, recall {100.0 * found / GenericValues:0.00} %");
        found.ShouldBeGreaterThanOrEqualTo(GenericValues * 85 / 100);
    }

    [Fact]
    public void Of_100_000_benign_values_at_most_10_look_like_a_known_format_and_at_most_1_in_100_like_a_secret()
    {
        var benign = new BenignValues(new Random(Seed));
        var structured = new List<string>();
        var generic = 0;
        for (var i = 0; i < BenignOnes; i++)
        {
            var (kind, draw) = BenignValues.All[i % BenignValues.All.Length];
            var findings = Scan(draw(benign));
            if (findings.FirstOrDefault(finding => finding.IsStructured) is { } hit)
                structured.Add($"{kind}: {hit.Kind}");
            else if (findings.Count > 0)
                generic++;
        }
        output.WriteLine($"benign: {structured.Count} structured ({100.0 * structured.Count / BenignOnes:0.000} %), {generic} generic ({100.0 * generic / BenignOnes:0.000} %) of {BenignOnes}, {BenignValues.All.Length} kinds");
        structured.Count.ShouldBeLessThanOrEqualTo(BenignOnes / 10_000, string.Join(", ", structured.Distinct()));
        generic.ShouldBeLessThanOrEqualTo(BenignOnes / 100);
    }

    private static List<Finding> Scan(string json)
    {
        using var document = JsonDocument.Parse(json);
        return [.. SecretDetector.InJson("", "", document.RootElement)];
    }
}
