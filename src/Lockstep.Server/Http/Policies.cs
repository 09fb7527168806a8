namespace Lockstep.Server.Http;

/// <summary>Who may call a group of endpoints; said once, on its <c>MapGroup</c>.</summary>
internal static class Policies
{
    /// <summary>Somebody with a user context: a user, or the service role on behalf of one.</summary>
    public const string User = "user";

    /// <summary>A user, or the service role with or without a user context.</summary>
    public const string UserOrService = "user-or-service";

    /// <summary>The service role alone.</summary>
    public const string Service = "service";
}
