namespace Lockstep.Server.ChangeSync.Quotas;

/// <summary>How much one scope may hold.</summary>
/// <param name="Records">Live ones; 0: any number.</param>
/// <param name="Bytes">Of live records: names, values as JSON text and times; 0: any.</param>
internal readonly record struct Quota(long Records, long Bytes)
{
    public static readonly Quota None = new(0, 0);

    /// <returns>Null when that much more fits, or nothing is added.</returns>
    public ChangeResult? Refusal(long records, long bytes, long moreRecords, long moreBytes, bool own)
    {
        var whose = own ? "Your own data holds" : "This space holds";
        if (Records > 0 && moreRecords > 0 && records + moreRecords > Records)
            return ChangeResult.Rejected("quota_exceeded", $"{whose} {records} records of {Records} that are allowed. Delete some and send the change again as a new one, or ask who runs the server for more.");
        if (Bytes > 0 && moreBytes > 0 && bytes + moreBytes > Bytes)
            return ChangeResult.Rejected("quota_exceeded", $"{whose} {bytes} bytes of {Bytes} that are allowed, and this change needs {moreBytes} more. Delete records or shorten values and send it again as a new one, or ask who runs the server for more.");
        return null;
    }
}

/// <param name="User">Of one's own data and private records.</param>
/// <param name="Space">Of each space.</param>
internal sealed record QuotaOptions(Quota User, Quota Space)
{
    public static readonly QuotaOptions None = new(Quota.None, Quota.None);

    public const string UserRecords = "LOCKSTEP_SYNC_USER_RECORDS";
    public const string UserMegabytes = "LOCKSTEP_SYNC_USER_MB";
    public const string SpaceRecords = "LOCKSTEP_SYNC_SPACE_RECORDS";
    public const string SpaceMegabytes = "LOCKSTEP_SYNC_SPACE_MB";

    public const int StandardUserRecords = 1_000_000;
    public const int StandardUserMegabytes = 1_024;
    public const int StandardSpaceRecords = 5_000_000;
    public const int StandardSpaceMegabytes = 10_240;

    /// <param name="userMegabytes">2^20 bytes each.</param>
    /// <param name="spaceMegabytes">2^20 bytes each.</param>
    public static QuotaOptions Of(int userRecords, int userMegabytes, int spaceRecords, int spaceMegabytes) =>
        new(new Quota(userRecords, (long)userMegabytes << 20), new Quota(spaceRecords, (long)spaceMegabytes << 20));
}
