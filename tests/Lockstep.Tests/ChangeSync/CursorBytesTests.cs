using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

public sealed class CursorBytesTests
{
    private static readonly CursorCodec Codec = new(CursorKey.Derive("a secret that signs the cursors of tests"u8.ToArray()));

    private static readonly Gen<SyncCursor> Cursors =
        from scopes in Gen.ListOf(
            from id in ArbMap.Default.GeneratorFor<Guid>()
            from seq in Gen.OneOf(Gen.Choose(0, 200).Select(n => (long)n), ArbMap.Default.GeneratorFor<long>().Select(n => n & long.MaxValue), Gen.Constant(long.MaxValue))
            from epoch in Gen.Choose(0, int.MaxValue)
            from space in Gen.OneOf(
                Gen.Elements("", "_", "café", "\U0001F600", "0192D7A0-0000-7000-8000-00000000ABCD", "{0192d7a0-0000-7000-8000-00000000abcd}", new string('x', 500)),
                ArbMap.Default.GeneratorFor<Guid>().Select(workspace => workspace.ToString()))
            select (id, position: new ScopePosition(seq, epoch, space)))
        select new SyncCursor(scopes.DistinctBy(scope => scope.id).ToDictionary(scope => scope.id, scope => scope.position));

    [Fact]
    public void Whatever_is_written_is_read_back() => Prop.ForAll(Cursors.ToArbitrary(), cursor =>
    {
        Same(CursorBytes.Read(CursorBytes.Write(cursor)), cursor);
        var user = new UserId(Guid.CreateVersion7());
        var (read, fault) = Codec.Read(Codec.Write(cursor, user, "b"), user, "b");
        fault.ShouldBe(CursorFault.None);
        Same(read, cursor);
    }).Check(Properties.Config);

    [Fact]
    public void Bytes_that_were_cut_are_no_cursor_or_one_of_fewer_scopes() => Prop.ForAll(Cursors.ToArbitrary(), cursor =>
    {
        var bytes = CursorBytes.Write(cursor);
        for (var length = 0; length < bytes.Length; length++)
            (CursorBytes.Read(bytes.AsSpan(0, length)) is not { } read || read.Scopes.Count < cursor.Scopes.Count).ShouldBeTrue();
    }).Check(Properties.Config);

    [Fact]
    public void A_cursor_has_forty_eight_characters_a_space_and_none_of_it_can_be_changed()
    {
        var user = new UserId(Guid.CreateVersion7());
        var cursor = new SyncCursor(Enumerable.Range(0, 500).ToDictionary(_ => Guid.CreateVersion7(), i => new ScopePosition(i % 128, 1, Guid.CreateVersion7().ToString())));
        var text = Codec.Write(cursor, user, "b");
        text.Length.ShouldBeLessThan(500 * 48 + 30);
        for (var i = 0; i < text.Length; i += 397)
            Codec.Read(text[..i] + (text[i] == 'A' ? 'B' : 'A') + text[(i + 1)..], user, "b").Cursor.ShouldBeNull();
        Codec.Read(text, new UserId(Guid.CreateVersion7()), "b").Fault.ShouldBe(CursorFault.Foreign);
        Codec.Read(text, user, "c").Fault.ShouldBe(CursorFault.Foreign);
    }

    private static void Same(SyncCursor? read, SyncCursor written) =>
        read.ShouldNotBeNull().Scopes.OrderBy(scope => scope.Key).ShouldBe(written.Scopes.OrderBy(scope => scope.Key));
}
