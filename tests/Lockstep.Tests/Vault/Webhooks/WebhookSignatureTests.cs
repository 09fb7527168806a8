using Lockstep.Crypto;
using Lockstep.Server.Vault.Webhooks;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Webhooks;

public sealed class WebhookSignatureTests
{
    /// <summary>The expected value was computed by Python's hmac module.</summary>
    [Fact]
    public void A_signature_is_that_of_another_implementation()
    {
        using var key = Secret.FromBytes(Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        WebhookSignature.Sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, """{"test": 2432232314}""").ShouldBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        WebhookSignature.TextOf(key).ShouldBe("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    [Fact]
    public void Waits_double_up_to_six_hours_and_reach_three_days_in_about_twenty_attempts()
    {
        DeliveryBackoff.After(1, 0.5).ShouldBe(TimeSpan.FromSeconds(5));
        DeliveryBackoff.After(2, 0.5).ShouldBe(TimeSpan.FromSeconds(10));
        DeliveryBackoff.After(1, 0).ShouldBe(TimeSpan.FromSeconds(3.75));
        DeliveryBackoff.After(1, 1).ShouldBe(TimeSpan.FromSeconds(6.25));
        DeliveryBackoff.After(1_000_000, 0.5).ShouldBe(TimeSpan.FromHours(6));
        var waited = TimeSpan.Zero;
        var attempts = 0;
        while (waited < TimeSpan.FromDays(3))
            waited += DeliveryBackoff.After(++attempts, 0.5);
        attempts.ShouldBeInRange(18, 26);
    }
}
