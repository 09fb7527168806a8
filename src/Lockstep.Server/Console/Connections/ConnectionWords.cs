using Lockstep.Server.Console.Frame;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;

namespace Lockstep.Server.Console.Connections;

/// <summary>What people call the parts of a connection, by its type.</summary>
internal static class ConnectionWords
{
    /// <summary>In a line, below its name.</summary>
    public static string Account(Integration one) => one.Config switch
    {
        FeedConfig feed => $"Calendar by its address, at {feed.Host}, read only",
        ApiKeyConfig key => $"Key of {key.Service}{(key.Username is { } account ? $", {account}" : "")}",
        WebhookConfig hook => $"Webhook to {hook.Host}",
        { Host.Length: > 0 } config => $"{config.Account} at {config.Host}",
        _ => one.Config.Account,
    };

    public static IEnumerable<(string Name, string Value)> Facts(Integration one) =>
    [
        .. one.Config switch
        {
            FeedConfig feed => [("Server", feed.Host), ("Kind", "by its address, read only")],
            ApiKeyConfig { Username: { } account } key => [("Service", key.Service), ("Account", account)],
            ApiKeyConfig key => [("Service", key.Service)],
            WebhookConfig hook => [("Receiver", hook.Url)],
            _ => new (string, string)[] { ("Server", one.Config.Host), ("User name", one.Config.Account) },
        },
        .. one.Syncs ? [("Looks every", Times.Count(one.Schedule.IntervalSeconds, "second"))] : Array.Empty<(string, string)>(),
    ];

    /// <summary>What it signs in with, or keeps.</summary>
    public static string Secret(Integration one) => one.Config switch
    {
        FeedConfig => "address",
        ApiKeyConfig => "key",
        WebhookConfig => "signing secret",
        _ => "password",
    };
}
