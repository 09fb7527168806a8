using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Integrations.Feed;

/// <summary>One run: the file is fetched if it is another one than last time, cut into events, and compared with the mirror. Nothing is ever written there.</summary>
/// <remarks>
/// <code>
/// (1) GET with If-None-Match  --> 304: as it was
/// (2) FeedFile cuts it: one resource a UID, with the zones that it names; its ETag is its hash
/// (3) new and other ones into the mirror, in pages; what is gone only from a file that could be read to its end, and guarded as every mass deletion
/// </code>
/// What cannot be read is never taken for empty.
/// </remarks>
internal sealed class FeedSync(FeedClient client, CalendarMirror mirror, TimeProvider time)
{
    private const int PageSize = 200;

    /// <param name="address">Of a private feed; null where the config has it.</param>
    /// <param name="requireLease">Throws when the run may not write any more.</param>
    public async Task<SyncReport> Run(TenantSession session, Integration integration, Secret? address, Action requireLease, CancellationToken ct)
    {
        using var trace = Meters.Traces.StartActivity("feed.sync", ActivityKind.Client);
        var began = time.GetTimestamp();
        var config = (FeedConfig)integration.Config;
        if ((config.Private ? AddressOf(address) : config.Address) is not { } url)
            return Ended(0, new SyncFailure(FailureKind.CredentialRevoked, "feed_address_invalid", "The secret of this integration is not the address of a feed. Give it the address again."));
        var calendar = await Calendar(session, integration, config, requireLease, ct);
        if (calendar is null)
            return Ended(0, null);
        switch (await client.Get(url, calendar.Ctag, ct))
        {
            case FeedAnswer.Same:
                requireLease();
                await CalendarMirror.MarkRead(session, [calendar.Id], ct);
                return Ended(0, null);
            case FeedAnswer.Failed(var failure):
                requireLease();
                await CalendarMirror.MarkUnreadable(session, [calendar.Id], ct);
                return Ended(0, failure);
            case FeedAnswer.File(var text, var etag):
                var (pulled, trouble) = await Take(session, integration, calendar, text, etag, requireLease, ct);
                return Ended(pulled, trouble);
            default:
                throw new UnreachableException();
        }

        SyncReport Ended(int pulled, SyncFailure? failure) => new(pulled, 0, failure, time.GetElapsedTime(began), 1);
    }

    private async Task<(int Pulled, SyncFailure? Failure)> Take(
        TenantSession session, Integration integration, MirroredCalendar calendar, string text, string? etag, Action requireLease, CancellationToken ct)
    {
        if (FeedFile.Read(text, calendar.Href, out var fault) is not { } file)
        {
            requireLease();
            await CalendarMirror.MarkUnreadable(session, [calendar.Id], ct);
            return (0, new SyncFailure(FailureKind.Transient, fault!.Code, $"{integration.Config.Host} {fault.Sentence} What was read before stays."));
        }
        var known = (await CalendarMirror.Objects(session, calendar.Id, ct)).ToDictionary(one => one.Href, StringComparer.Ordinal);
        var changed = file.Objects.Where(one => !known.TryGetValue(one.Href, out var here) || here.ETag != one.ETag).ToList();
        var there = file.Objects.Select(one => one.Href).ToHashSet(StringComparer.Ordinal);
        var gone = known.Keys.Where(href => !there.Contains(href)).ToList();
        var guarded = !new DeletionAllowance(integration.ConfirmedDeletions).Allows(gone.Count, known.Count);
        // Without a position the next run reads the file again, also when the server says that it is the same.
        var position = guarded ? null : new CalendarPosition(null, etag) { Audited = true };
        var pages = changed.Chunk(PageSize).ToList();
        var pulled = 0;
        foreach (var page in pages.SkipLast(1))
            pulled += await Apply(new RemotePage(page, [], null));
        pulled += await Apply(new RemotePage(pages.LastOrDefault() ?? [], guarded ? [] : gone, position));
        return (pulled, guarded
            ? new SyncFailure(FailureKind.MassDelete, "mass_delete",
                $"{gone.Count} of {known.Count} events of calendar {calendar.Name} are gone from the feed at once. Nothing was deleted here. "
                + $"If that is right, confirm it: POST .../confirm-deletions with count {gone.Count}.")
            : null);

        async Task<int> Apply(RemotePage page)
        {
            requireLease();
            return (await mirror.ApplyPage(session, calendar.Id, page, ct))?.Pulled ?? 0;
        }
    }

    /// <summary>The one calendar of a feed; made by its first run, and again when its address is another one.</summary>
    /// <returns>Null when the integration is gone meanwhile.</returns>
    private async Task<MirroredCalendar?> Calendar(TenantSession session, Integration integration, FeedConfig config, Action requireLease, CancellationToken ct)
    {
        var href = config.Private ? $"{config.Url}#{config.Fingerprint}" : config.Url;
        if (await CalendarMirror.Calendars(session, integration.Id, ct) is [var here] && here.Href == href)
            return here;
        requireLease();
        await session.Transact<int>(async transaction =>
        {
            await mirror.SetCalendars(transaction, integration.Id, [new WantedCalendar(href, integration.Label, null, IsWriteTarget: false, ReadOnly: true)], ct);
            return 0;
        }, ct);
        return await CalendarMirror.Calendars(session, integration.Id, ct) is [var made, ..] ? made : null;
    }

    internal static Uri? AddressOf(Secret? secret)
    {
        var text = secret?.RevealText().Trim() ?? "";
        var http = text.StartsWith("webcal://", StringComparison.OrdinalIgnoreCase) ? "https://" + text["webcal://".Length..]
            : text.StartsWith("webcals://", StringComparison.OrdinalIgnoreCase) ? "https://" + text["webcals://".Length..] : text;
        return Uri.TryCreate(http, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https") ? url : null;
    }
}
