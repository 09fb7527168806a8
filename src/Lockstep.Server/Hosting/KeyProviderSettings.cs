using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Crypto;
using Lockstep.Crypto.Pkcs11;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Hosting;

/// <summary>Reads LOCKSTEP_TRANSIT_..., LOCKSTEP_PKCS11_..., LOCKSTEP_SEALING, and says where the master keys came from.</summary>
internal static partial class KeyProviderSettings
{
    private const int MostKeys = 2;
    private const string Prefix = "LOCKSTEP_TRANSIT_";

    private static readonly string[] All =
        ["KEY", "MOUNT", "NAMESPACE", "TOKEN", "TOKEN_FILE", "ROLE_ID", "SECRET_ID", "SECRET_ID_FILE", "AUTH_MOUNT", "K8S_ROLE", "K8S_TOKEN_FILE", "TIMEOUT",
         "FALLBACK", "FALLBACK_WRITES", "FALLBACK_MINUTES"];

    private static readonly string[] OfHardware = ["TOKEN", "PIN", "PIN_FILE", "KEY"];

    private static readonly string[] Logins = ["TOKEN", "TOKEN_FILE", "ROLE_ID", "K8S_ROLE"];

    /// <param name="faults">Takes a sentence for each fault; none repeats a value, which may be a secret.</param>
    public static KeyProviderOptions Read(Func<string, string?> environment, string keysFrom, List<string> faults)
    {
        var transit = ReadTransit(environment, faults);
        var direct = Choice(environment, "LOCKSTEP_SEALING", faults, "envelope", "direct") == "direct";
        if (direct && transit is null)
            faults.Add("LOCKSTEP_SEALING is direct, which has Transit seal each value; set LOCKSTEP_TRANSIT_ADDR and its login too.");
        return new KeyProviderOptions
        {
            Transit = transit,
            Pkcs11 = ReadPkcs11(environment, faults),
            Direct = direct,
            StandIn = Choice(environment, Prefix + "FALLBACK", faults, "local", "none") == "local",
            StandInWrites = Settings.ReadNumber(environment, Prefix + "FALLBACK_WRITES", KeyProviderOptions.DefaultStandInWrites, 0, 1_000_000_000, faults),
            StandInMinutes = Settings.ReadNumber(environment, Prefix + "FALLBACK_MINUTES", KeyProviderOptions.DefaultStandInMinutes, 1, 525_600, faults),
            KeysFrom = keysFrom,
        };
    }

    private static TransitOptions? ReadTransit(Func<string, string?> environment, List<string> faults)
    {
        if (environment(Prefix + "ADDR") is not { Length: > 0 } address)
        {
            if (All.FirstOrDefault(name => environment(Prefix + name) is { Length: > 0 }) is { } lonely)
                faults.Add($"{Prefix}{lonely} is set, and {Prefix}ADDR is not. Set the address of the OpenBao or Vault server, or take the other away.");
            return null;
        }
        var uri = Uri.TryCreate(address, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https" && parsed.Query.Length == 0 && parsed.UserInfo.Length == 0
            ? parsed
            : null;
        if (uri is null)
            faults.Add($"{Prefix}ADDR is not an http or https address. Write https://vault.example.com:8200, without /v1.");
        var keys = (environment(Prefix + "KEY") is { Length: > 0 } named ? named : "lockstep").Split(',', StringSplitOptions.TrimEntries);
        if (keys.Length > MostKeys || keys.Distinct().Count() != keys.Length || keys.Any(key => !KeyName().IsMatch(key)))
            faults.Add($"{Prefix}KEY names one key, or two separated by ',' with the newest first; a name has letters, digits, '_', '-' and '.'.");
        var mount = environment(Prefix + "MOUNT") is { Length: > 0 } path ? path : "transit";
        if (!MountPath().IsMatch(mount))
            faults.Add($"{Prefix}MOUNT is a path such as transit or secrets/transit, without a slash at either end.");
        var space = environment(Prefix + "NAMESPACE") is { Length: > 0 } inside ? inside : null;
        if (space is not null && !MountPath().IsMatch(space.Trim('/')))
            faults.Add($"{Prefix}NAMESPACE is a path such as team/a.");
        var timeout = Settings.ReadNumber(environment, Prefix + "TIMEOUT", (int)TransitOptions.StandardTimeout.TotalSeconds, 1, 30, faults);
        var login = ReadLogin(environment, faults);
        return uri is null || login is null ? null : new TransitOptions(uri, keys, login, mount, space, TimeSpan.FromSeconds(timeout));
    }

    private static Pkcs11Options? ReadPkcs11(Func<string, string?> environment, List<string> faults)
    {
        const string Hardware = "LOCKSTEP_PKCS11_";
        if (environment(Hardware + "MODULE") is not { Length: > 0 } module)
        {
            if (OfHardware.FirstOrDefault(name => environment(Hardware + name) is { Length: > 0 }) is { } lonely)
                faults.Add($"{Hardware}{lonely} is set, and {Hardware}MODULE is not. Set the path of the module's library, or take the other away.");
            return null;
        }
        if (!Path.IsPathFullyQualified(module) || !File.Exists(module))
            faults.Add($"{Hardware}MODULE is not the full path of a library that is there.");
        if (environment(Hardware + "TOKEN") is not { Length: > 0 } token)
            token = "";
        if (token.Length == 0)
            faults.Add($"{Hardware}TOKEN needs the label of the token.");
        var keys = (environment(Hardware + "KEY") is { Length: > 0 } named ? named : "lockstep").Split(',', StringSplitOptions.TrimEntries);
        if (keys.Distinct().Count() != keys.Length || keys.Any(key => !KeyName().IsMatch(key)))
            faults.Add($"{Hardware}KEY holds labels of AES-256 keys, separated by ',' with the newest first; a label has letters, digits, '_', '-' and '.'.");
        var pin = environment(Hardware + "PIN") is { Length: > 0 } given ? given : ReadFile(environment(Hardware + "PIN_FILE"));
        if (pin is not { Length: > 0 })
            faults.Add($"{Hardware}MODULE needs {Hardware}PIN, or {Hardware}PIN_FILE that can be read.");
        return new Pkcs11Options(module, token, Secret.FromText(pin ?? ""), keys);
    }

    private static string? ReadFile(string? path)
    {
        try
        {
            return path is { Length: > 0 } ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static TransitLogin? ReadLogin(Func<string, string?> environment, List<string> faults)
    {
        var ways = Logins.Where(name => environment(Prefix + name) is { Length: > 0 }).ToList();
        if (ways.Count != 1)
        {
            faults.Add($"{Prefix}ADDR needs one login: {Prefix}TOKEN, {Prefix}TOKEN_FILE, {Prefix}ROLE_ID with {Prefix}SECRET_ID, or {Prefix}K8S_ROLE; {(ways.Count == 0 ? "none is" : "several are")} set.");
            return null;
        }
        var mount = environment(Prefix + "AUTH_MOUNT") is { Length: > 0 } path ? path : null;
        if (mount is not null && !MountPath().IsMatch(mount))
            faults.Add($"{Prefix}AUTH_MOUNT is a path such as approle, without 'auth/' before it and without a slash at either end.");
        switch (ways[0])
        {
            case "TOKEN":
                return Printable(environment(Prefix + "TOKEN")!, "TOKEN", faults) is { } token ? new TransitLogin.Token(token) : null;
            case "TOKEN_FILE":
                return new TransitLogin.TokenFile(environment(Prefix + "TOKEN_FILE")!);
            case "K8S_ROLE":
                return new TransitLogin.Kubernetes(
                    environment(Prefix + "K8S_ROLE")!,
                    environment(Prefix + "K8S_TOKEN_FILE") is { Length: > 0 } file ? file : TransitLogin.Kubernetes.UsualJwtFile,
                    mount ?? "kubernetes");
            default:
                return SecretId(environment, faults) is { } secret
                    ? new TransitLogin.AppRole(environment(Prefix + "ROLE_ID")!, secret, mount ?? "approle")
                    : null;
        }
    }

    private static Secret? SecretId(Func<string, string?> environment, List<string> faults)
    {
        if (environment(Prefix + "SECRET_ID") is { Length: > 0 } secret)
            return Printable(secret, "SECRET_ID", faults);
        if (environment(Prefix + "SECRET_ID_FILE") is not { Length: > 0 } file)
        {
            faults.Add($"{Prefix}ROLE_ID needs {Prefix}SECRET_ID or {Prefix}SECRET_ID_FILE beside it.");
            return null;
        }
        if (ReadFile(file) is { } content)
            return Printable(content, "SECRET_ID_FILE", faults);
        faults.Add($"{Prefix}SECRET_ID_FILE names a file that cannot be read.");
        return null;
    }

    private static Secret? Printable(string text, string name, List<string> faults)
    {
        if (text.Length > 0 && text.All(c => c is > ' ' and <= '~'))
            return Secret.FromText(text);
        faults.Add($"{Prefix}{name} holds a blank or a character that no token has.");
        return null;
    }

    private static string Choice(Func<string, string?> environment, string name, List<string> faults, params string[] choices)
    {
        if (environment(name) is not { Length: > 0 } text)
            return choices[0];
        if (choices.Contains(text))
            return text;
        faults.Add(string.Create(CultureInfo.InvariantCulture, $"{name} is {string.Join(" or ", choices)}."));
        return choices[0];
    }

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
    private static partial Regex KeyName();

    [GeneratedRegex("^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")]
    private static partial Regex MountPath();
}
