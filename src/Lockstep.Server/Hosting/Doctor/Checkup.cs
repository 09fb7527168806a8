namespace Lockstep.Server.Hosting.Doctor;

/// <summary>Looks over a whole installation, also one that does not start, and changes nothing.</summary>
internal sealed class Checkup(ServeOptions options, Func<string, string?> environment, TimeProvider time)
{
    private const string Area = "settings";

    /// <summary>The names of everything in the environment; those that look like settings and are none are told.</summary>
    public IReadOnlyCollection<string> Names { get; init; } = [];

    /// <param name="progress">Told before anything that takes more than a moment.</param>
    /// <returns>In the order of the areas; what cannot be looked at because of an earlier fault is left out.</returns>
    public async Task<IReadOnlyList<Diagnosis>> Run(Action<string> progress, CancellationToken ct)
    {
        var found = new List<Diagnosis>();
        if (ReadSettings(found) is not { } settings)
            return found;
        found.AddRange(DataCheck.Look(settings));
        found.AddRange(DiskCheck.Look(settings));
        found.AddRange(await AllowListCheck.Look(settings, environment, ct));
        found.AddRange(await SignInCheck.Look(settings, time, ct));
        await using var database = await DatabaseUnderCheck.Open(settings, AddressIsGiven && settings.Database is null, progress, found, ct);
        if (database is null)
        {
            found.AddRange(await KeyCheck.Look(settings, null, time, ct));
            return found;
        }
        found.AddRange(await database.Ask(RoleCheck.Look, ct));
        found.AddRange(await ServingLogins(settings, found, ct));
        found.AddRange(await database.Ask(SchemaCheck.Look, ct));
        found.AddRange(await database.Ask((connection, stop) => KeyCheck.Look(settings, connection, time, stop), ct));
        found.AddRange(await database.Ask((connection, stop) => ClockCheck.Look(connection, time, stop), ct));
        // What is wrong with the form of the database has been said.
        if (!found.Exists(each => each is { Area: "schema", Condition: Condition.Fault }))
        {
            found.AddRange(await database.Ask(NodeCheck.Look, ct));
            found.AddRange(await database.Ask(IntegrationCheck.Look, ct));
        }
        return found;
    }

    private Settings? ReadSettings(List<Diagnosis> found)
    {
        var faults = new List<string>();
        try
        {
            var settings = Settings.Read(options, environment, Making.Nothing, faults);
            // An installation with its own database makes its own secret when it starts.
            if (settings.Database is null && !AddressIsGiven)
                faults.RemoveAll(fault => fault.StartsWith("No token can be checked", StringComparison.Ordinal));
            found.AddRange(faults.Select(fault => Diagnosis.Fault(
                Area, "setting_wrong", fault, "Correct it where the server gets its environment or command line, and look again. docs/operations.md lists the settings.")));
            if (faults.Count == 0)
                found.Add(Diagnosis.Well(Area, "settings", "Every setting can be read."));
            foreach (var (name, what) in SettingNames.Unknown(Names))
                found.Add(Diagnosis.Warning(Area, "setting_unknown", what, $"Write it as docs/operations.md does, or take {name} away."));
            foreach (var url in settings.Urls.Where(url => url.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && !IsLoopback(url)))
                found.Add(Diagnosis.Warning(Area, "plain_http", $"It listens on {url}, where tokens and passwords travel in clear.",
                    "Put a proxy with TLS before it and listen on http://127.0.0.1:5080, or give an https:// address with a certificate (--urls)."));
            return settings;
        }
        catch (StartRefusedException e)
        {
            found.Add(Diagnosis.Fault("data", "data_directory", e.Message, "Make the directory readable and writable for the user that runs the server, or name another with --data-dir."));
            return null;
        }
    }

    private bool AddressIsGiven => (options.Database ?? environment("LOCKSTEP_DATABASE_URL")) is { Length: > 0 };

    private static async Task<IEnumerable<Diagnosis>> ServingLogins(Settings settings, List<Diagnosis> found, CancellationToken ct)
    {
        // The embedded server lets the program in by its operating system user; a role that is missing has been named already.
        if (settings.Database is null || found.Exists(each => each is { Code: "role_missing" } or { Code: "setting_wrong" }))
            return [];
        try
        {
            await using var attached = await DatabaseStart.Attach(settings, static _ => { }, ct);
            return [Diagnosis.Well("roles", "serving_login", "Both serving logins get in, and row-level security binds them.")];
        }
        catch (StartRefusedException e)
        {
            return [Diagnosis.Fault("roles", "serving_login", e.Message,
                $"Leave {DatabaseAddresses.AppSetting} and {DatabaseAddresses.ServiceSetting} out and give LOCKSTEP_JWT_SECRET as the server has it, or name plain members of lockstep_app and lockstep_service there. 'lockstep migrate' sets the derived passwords anew.")];
        }
    }

    private static bool IsLoopback(string url) =>
        Uri.TryCreate(url.Replace("*", "any", StringComparison.Ordinal).Replace("+", "any", StringComparison.Ordinal), UriKind.Absolute, out var uri) && uri.IsLoopback;
}
