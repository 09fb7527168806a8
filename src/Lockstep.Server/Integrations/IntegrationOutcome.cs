using Lockstep.Server.Calendars;
using Lockstep.Server.Vault;

namespace Lockstep.Server.Integrations;

/// <summary>What came of making or changing an integration.</summary>
internal abstract record IntegrationOutcome
{
    private IntegrationOutcome() { }

    public sealed record Done(Integration Integration, IReadOnlyList<MirroredCalendar> Calendars) : IntegrationOutcome;

    /// <summary>By field, in the words of the request.</summary>
    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : IntegrationOutcome;

    /// <summary>The integration, workspace or credential is not there, or not the caller's.</summary>
    public sealed record NotFound : IntegrationOutcome;

    /// <summary>The caller sees it, and is no admin of its workspace.</summary>
    public sealed record NotAdmin : IntegrationOutcome;

    /// <summary>Its owner has connected that account already.</summary>
    public sealed record Exists : IntegrationOutcome;

    /// <summary>The address is another host's, which must not be sent the stored secret unasked.</summary>
    public sealed record SecretRequired(string Host) : IntegrationOutcome;

    /// <summary>The vault refused the new secret.</summary>
    public sealed record SecretRefused(ChangeOutcome Why) : IntegrationOutcome;
}

/// <summary>What came of asking for a run.</summary>
internal abstract record RunRequest
{
    private RunRequest() { }

    public sealed record Promised(Guid Run) : RunRequest;

    public sealed record NotFound : RunRequest;

    /// <summary>The caller sees it, and is no admin of its workspace.</summary>
    public sealed record NotAdmin : RunRequest;

    /// <summary>Its owner has switched it off.</summary>
    public sealed record Disabled : RunRequest;

    /// <summary>Lockstep only keeps it, or what is stored of it cannot be read.</summary>
    public sealed record NothingToSync : RunRequest;

    public sealed record Paused(Pause Pause, string? Why) : RunRequest;
}
