using Lockstep.Server.Http;
using Lockstep.Server.Outbound;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>Where messages may go and of what they may tell.</summary>
internal sealed class WebhookRules(OutboundGuard guard)
{
    public const int MaxUrl = 2_000;

    public FieldErrors Check(string? url, IReadOnlyList<string>? events)
    {
        var errors = new FieldErrors();
        if (url is not null)
            CheckUrl(errors, url);
        errors.Require(events is not { Count: 0 }, "events", $"names no event. There are {string.Join(", ", WebhookEvents.All)}.");
        for (var i = 0; i < events?.Count; i++)
            errors.Require(WebhookEvents.All.Contains(events[i]), $"events[{i}]", $"is no event. There are {string.Join(", ", WebhookEvents.All)}.");
        return errors;
    }

    private void CheckUrl(FieldErrors errors, string url)
    {
        if (url.Length > MaxUrl || url.Any(char.IsControl) || !Uri.TryCreate(url, UriKind.Absolute, out var address))
        {
            errors.Add("url", $"is not an absolute https address of at most {MaxUrl} characters.");
            return;
        }
        switch (guard.Check(address))
        {
            case OutboundCheck.NotHttp:
                errors.Add("url", "is not an https address.");
                break;
            case OutboundCheck.CarriesCredentials:
                errors.Add("url", "carries a user name or password. Messages are signed; check the signature instead.");
                break;
            case OutboundCheck.NotPublic:
                errors.Add("url", $"names an address that is not public. Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.");
                break;
            default:
                errors.Require(address.Scheme == Uri.UriSchemeHttps || guard.Lists(address), "url", "is not https: who listens on the way would read the messages.");
                errors.Require(address.Fragment.Length == 0, "url", "has a fragment (#), which is never sent.");
                break;
        }
    }
}
