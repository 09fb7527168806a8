using Lockstep.Server.Tenancy.Jwt;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

public sealed class LibcryptoTests
{
    [Fact]
    public void It_is_found_on_this_machine()
    {
        Libcrypto.Problem.ShouldBeNull();
        Libcrypto.Shared.ShouldNotBeNull();
    }

    [Fact]
    public void A_missing_library_is_explained_with_what_to_do()
    {
        Libcrypto.Load(["libcrypto-of-nobody.so.7"], out var problem).ShouldBeNull();
        problem.ShouldNotBeNull().ShouldContain("libcrypto-of-nobody.so.7");
        problem.ShouldContain("Install libssl3");
    }

    [Fact]
    public void A_library_without_the_functions_counts_as_missing() =>
        Libcrypto.Load(["libc.so.6"], out _).ShouldBeNull();

    [Fact]
    public void The_next_name_is_tried_when_one_is_missing() =>
        Libcrypto.Load(["libcrypto-of-nobody.so.7", "libc.so.6", "libcrypto.so.3", "libcrypto.so.1.1"], out _).ShouldNotBeNull();

    [Fact]
    public void A_key_of_another_length_never_reaches_native_code() =>
        Should.Throw<ArgumentOutOfRangeException>(() => Libcrypto.Shared!.VerifiesEd25519(new byte[31], [1], new byte[64]));
}
