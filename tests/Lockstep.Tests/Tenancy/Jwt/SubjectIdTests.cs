using Lockstep.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

public sealed class SubjectIdTests
{
    private const string Issuer = "https://id.example.com/";
    private const string Uuid = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

    // Known answers by another implementation: Python's uuid.uuid5(namespace, issuer + "\0" + subject).
    [Theory]
    [InlineData("", "alice", "73b5c58b-b614-51f6-a5b8-f41be68409d8")]
    [InlineData(Issuer, "auth0|5f7c8ec7c33c6c004bbafe82", "16a02e92-059d-5bed-bfbd-7214bb426d20")]
    [InlineData(Issuer, Uuid, "f5c9c48b-a8ed-57c6-a34f-852fe34c878b")]
    [InlineData("issuer", "ünïcode 🔑", "4c7d7ecb-3306-5f03-84cf-85b88f27b115")]
    public void A_derived_id_is_the_UUIDv5_of_issuer_and_subject(string issuer, string subject, string id) =>
        SubjectId.Derive(issuer, subject).ShouldBe(new Guid(id));

    [Fact]
    public void The_namespace_never_changes() => SubjectId.Namespace.ShouldBe(new Guid("3e416188-d5ac-4a4c-9c01-50237c8232d0"));

    [Theory]
    [InlineData(Issuer, Issuer, false, true)]
    [InlineData(Issuer, Issuer, true, true)]
    [InlineData(Issuer, "https://mallory.example/", false, false)]
    [InlineData(Issuer, "", true, false)]
    [InlineData(null, "", true, true)]
    [InlineData(null, "any", true, true)]
    [InlineData(null, "", false, false)]
    [InlineData(null, Issuer, false, false)]
    public void A_UUID_is_the_id_only_from_the_issuer_that_is_trusted_with_it(string? configured, string issuer, bool ownSecret, bool asItIs)
    {
        var id = SubjectId.Of(Claims(issuer, Uuid, ownSecret), new JwtOptions(new byte[32], null, configured, null));
        id.ShouldBe(asItIs ? new Guid(Uuid) : SubjectId.Derive(issuer, Uuid));
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    [InlineData("{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}")]
    [InlineData(" 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
    [InlineData("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b ")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("ffffffff-ffff-ffff-ffff-ffffffffffff")]
    public void Any_other_subject_is_derived(string subject) =>
        SubjectId.Of(Claims("", subject, ownSecret: true), new JwtOptions(new byte[32], null, null, null))
            .ShouldBe(SubjectId.Derive("", subject));

    [Fact]
    public void A_UUID_in_capitals_is_the_same_user() =>
        SubjectId.Of(Claims("", Uuid.ToUpperInvariant(), ownSecret: true), new JwtOptions(new byte[32], null, null, null))
            .ShouldBe(new Guid(Uuid));

    [Fact]
    public void Text_moved_between_issuer_and_subject_makes_another_id()
    {
        Check.One(Properties.Config, Prop.ForAll<NonEmptyString, NonEmptyString>((left, right) =>
        {
            var (issuer, subject) = (left.Get.Replace("\0", ""), right.Get.Replace("\0", "") + "x");
            SubjectId.Derive(issuer, subject).ShouldNotBe(SubjectId.Derive(issuer + subject[0], subject[1..]));
            SubjectId.Derive(issuer, subject).Version.ShouldBe(5);
        }));
    }

    private static JwtClaims Claims(string issuer, string subject, bool ownSecret) =>
        new(issuer, subject, JwtClaims.Authenticated, null, false, Instant.MaxValue, null) { SignedByOwnSecret = ownSecret };
}
