namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>What the lines and the refusals of a sync-collection report mean (RFC 6578 sections 3.2 and 3.5).</summary>
internal static class SyncChanges
{
    /// <returns>Null for a collection, which holds no event of its own.</returns>
    public static MemberChange? Of(DavResource resource)
    {
        if (resource.Has(DavName.ResourceType, "collection") || resource.Href.Path.EndsWith('/'))
            return null;
        var state = resource switch
        {
            { IsGone: true } => MemberState.Removed,
            { Status: >= 300 } or { IsOversized: true } => MemberState.Unreadable,
            _ => MemberState.Changed,
        };
        var changed = state == MemberState.Changed;
        return new MemberChange(resource.Href, state, resource.ETag, changed ? resource.Ics : null, resource.LastModified);
    }

    /// <summary>
    /// Servers refuse a token with anything from 400 to 500, though only 403 and 409 are meant for it. Whatever does not clearly say
    /// something else is taken for it: the comparison of all etags that follows then finds the true reason.
    /// </summary>
    public static bool MeansTokenInvalid(CaldavFailure failure) => failure switch
    {
        CaldavFailure.TokenInvalid or CaldavFailure.Conflict or CaldavFailure.PreconditionFailed or CaldavFailure.Rejected => true,
        CaldavFailure.NotFound => true,
        CaldavFailure.Forbidden forbidden => forbidden.Precondition is null,
        // 502 and 504 are words of a gateway, which knows no tokens.
        CaldavFailure.ServerError error => error.Status is not (502 or 504),
        _ => false,
    };
}
