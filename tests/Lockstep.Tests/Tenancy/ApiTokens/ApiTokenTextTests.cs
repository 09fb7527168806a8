using Lockstep.Server.Tenancy.ApiTokens;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.ApiTokens;

public sealed class ApiTokenTextTests
{
    [Fact]
    public void A_new_token_has_its_prefix_is_well_formed_and_never_comes_twice()
    {
        var tokens = Enumerable.Range(0, 1_000).Select(_ => ApiTokenText.New()).ToList();
        tokens.ShouldAllBe(token => token.StartsWith("lks_", StringComparison.Ordinal) && token.Length == 53 && ApiTokenText.IsWellFormed(token));
        tokens.Distinct().Count().ShouldBe(1_000);
    }

    [Fact]
    public void Any_character_mistyped_any_two_swapped_and_any_end_cut_is_told_without_the_database()
    {
        var token = ApiTokenText.New();
        for (var i = 0; i < token.Length; i++)
        {
            ApiTokenText.IsWellFormed(token[..i] + (token[i] == 'x' ? 'y' : 'x') + token[(i + 1)..]).ShouldBeFalse();
            ApiTokenText.IsWellFormed(token[..i]).ShouldBeFalse();
            if (i > 0 && token[i] != token[i - 1])
                ApiTokenText.IsWellFormed(token[..(i - 1)] + token[i] + token[i - 1] + token[(i + 1)..]).ShouldBeFalse();
        }
        ApiTokenText.IsWellFormed(token + "0").ShouldBeFalse();
        ApiTokenText.IsWellFormed("").ShouldBeFalse();
        ApiTokenText.IsWellFormed("lks_").ShouldBeFalse();
    }
}
