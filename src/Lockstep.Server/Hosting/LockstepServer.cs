using System.Net.Sockets;
using Lockstep.Server.Console;
using Lockstep.Server.Http;
using Lockstep.Server.Outbound;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.ApiTokens;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Server.Tenancy.Memberships;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Reveals;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Hosting;

/// <summary>The whole program in one process: settings, database, slices, web server. A table of contents.</summary>
internal sealed class LockstepServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly StartedDatabase database;
    private readonly Telemetry? telemetry;

    private LockstepServer(WebApplication app, StartedDatabase database, Telemetry? telemetry) =>
        (this.app, this.database, this.telemetry) = (app, database, telemetry);

    public IReadOnlyList<string> Urls => [.. app.Urls];

    public IServiceProvider Services => app.Services;

    public StartedDatabase Database => database;

    /// <exception cref="StartRefusedException">It will not start; the message says why and what to do.</exception>
    public static async Task<LockstepServer> Start(
        Settings settings, Func<string, string?> environment, Action<string> progress, CancellationToken ct)
    {
        ListenCheck.Require(settings.Urls);
        var database = await DatabaseStart.Start(settings, progress, ct);
        try
        {
            var app = Build(settings, database);
            await app.Services.GetRequiredService<VaultStartCheck>().Require(ct);
            await BulkReads.SetLimits(database.Database.For(Caller.Service), settings.BulkReads, ct);
            var telemetry = Telemetry.Start(environment);
            await Listen(app, settings, ct);
            return new LockstepServer(app, database, telemetry);
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until <paramref name="stop"/>, or until the embedded database ends by itself.</summary>
    /// <returns>False when the database ended first.</returns>
    public async Task<bool> Run(CancellationToken stop)
    {
        var asked = Task.Delay(Timeout.Infinite, stop);
        var ended = database.Embedded?.Exited ?? new TaskCompletionSource<int>().Task;
        return await Task.WhenAny(asked, ended) == asked;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        telemetry?.Dispose();
        await database.DisposeAsync();
    }

    private static WebApplication Build(Settings settings, StartedDatabase database)
    {
        WebApplication? app = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration().UseUrls([.. settings.Urls]).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            // A cursor of change sync grows with the caller's spaces, by 48 characters each: room for a thousand in an address or a header.
            kestrel.Limits.MaxRequestLineSize = 64 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 128 * 1024;
        });
        // What somebody sends and nobody reads: a megabyte unless told, and whoever opens sockets could have each keep that.
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.MaxReadBufferSize = 256 * 1024);
        builder.Logging.ClearProviders().AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        }).SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning)
            .AddFilter(typeof(BearerAuthentication).FullName, LogLevel.Warning)
            // Every failure is told once, by Failures; the middleware and Npgsql would repeat it with the message, which may hold a row.
            .AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None)
            .AddFilter("Npgsql.Command", LogLevel.None)
            // A start that fails is told by whoever started it, in one sentence.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && app?.Lifetime.ApplicationStarted.IsCancellationRequested == true);
        AddGround(builder.Services, settings, database);
        Slices.Add(builder.Services, settings);

        app = builder.Build();
        // Listens from the start, not from the first look at /metrics.
        app.Services.GetRequiredService<PrometheusText>();
        app.UseExceptionHandler();
        app.UseStatusCodePages(BareStatus);
        app.UseWebSockets();
        app.UseRouting();
        // Before the token and the limits: a preflight has no token, and a refusal must be readable by the page too.
        if (settings.CorsOrigins.Count > 0)
            app.UseCors();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.Use(TokenScopeCheck.Require);
        app.Use(EndWithServer);
        app.UseAuthorization();
        app.MapHealth();
        app.MapOpenApi("/openapi/{documentName}.json").DisableRateLimiting();
        app.MapTenancy();
        Slices.Map(app);
        return app;
    }

    private static void AddGround(IServiceCollection services, Settings settings, StartedDatabase database)
    {
        services.AddSingleton(settings.Time).AddSingleton(database.Database).AddSingleton(settings.Jwt).AddSingleton(settings.ServiceKey);
        services.AddOrigins(settings.CorsOrigins);
        services.AddSingleton(new OutboundGuard(settings.OutboundAllow));
        services.AddSingleton<PrometheusText>().AddSingleton<WorkerPulse>().AddSingleton<Postgres.DiskWatch>().AddSingleton<UserDirectory>().AddSingleton<LocalAccounts>().AddSingleton<SignInBrake>()
            .AddSingleton<ApiTokenLookup>().AddSingleton<ApiTokenStore>();
        services.AddSingleton(provider => new MembershipSource(
            new MembershipOptions(settings.MembershipsUrl, settings.ServiceKey),
            new HttpMessageInvoker(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2), AllowAutoRedirect = false }),
            provider.GetRequiredService<TimeProvider>())).AddSingleton<MembershipMirror>();
        services.AddSingleton(provider => new JwtVerifier(
            settings.Jwt,
            settings.Jwt.JwksUrl is { } url
                ? new JwksKeys(new Uri(url), new HttpMessageInvoker(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) }),
                    provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<JwksKeys>>())
                : null,
            provider.GetRequiredService<TimeProvider>()));
        services.AddScoped<CallerContext>().AddScoped(provider => provider.GetRequiredService<CallerContext>().Session);
        // The core alone: the full set makes data-protection keys in the home directory, and the console's cookie needs none.
        services.AddAuthenticationCore(authentication =>
        {
            authentication.DefaultScheme = BearerAuthentication.SchemeName;
            authentication.AddScheme<BearerAuthentication>(BearerAuthentication.SchemeName, null);
        });
        // Below the ten seconds that container runtimes give.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(8));
        services.AddWebEncoders().AddOptions<AuthenticationSchemeOptions>();
        services.AddTransient<BearerAuthentication>();
        services.AddAuthorizationBuilder()
            .AddPolicy(Policies.User, policy => policy.RequireClaim(BearerAuthentication.UserClaim))
            .AddPolicy(Policies.UserOrService, policy => policy.RequireAuthenticatedUser())
            .AddPolicy(Policies.Service, policy => policy.RequireRole(JwtClaims.ServiceRole));
        services.AddRateLimits(settings.RateLimit).AddApiDocument().AddExceptionHandler<Failures>().AddProblemDetails();
        services.ConfigureHttpJsonOptions(json => StrictJson.Configure(json.SerializerOptions));
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
    }

    private static async Task EndWithServer(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<EndsWithServer>() is null)
        {
            await next(context);
            return;
        }
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        context.RequestAborted = either.Token;
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The client comes back to another node, or after the start.
        }
    }

    /// <summary>404 and 405 of the router, and other answers without a body, as problem documents too.</summary>
    private static Task BareStatus(Microsoft.AspNetCore.Diagnostics.StatusCodeContext context) => context.HttpContext.Response.StatusCode switch
    {
        400 => context.HttpContext.Answer(BadRequests.Of(context.HttpContext)),
        404 => context.HttpContext.Answer(Problems.NotFound()),
        405 => context.HttpContext.Answer(Problems.Of(405, "method_not_allowed", "This address does not take that method. See /openapi/v1.json.")),
        413 => context.HttpContext.Answer(Problems.Of(413, "body_too_large", "The body is larger than this call takes.")),
        415 => Problems.Of(415, "json_expected", BadRequests.JsonExpected).ExecuteAsync(context.HttpContext),
        _ => Task.CompletedTask,
    };

    private static async Task Listen(WebApplication app, Settings settings, CancellationToken ct)
    {
        try
        {
            await app.StartAsync(ct);
        }
        catch (Exception e) when (e is IOException or SocketException or InvalidOperationException)
        {
            // The workers run already.
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
            throw new StartRefusedException(
                $"Cannot listen on {string.Join(" or ", settings.Urls)}: {Reason(e)} Stop what listens there, or choose another address with --urls http://127.0.0.1:PORT.", e);
        }
    }

    private static string Reason(Exception e) => e.GetBaseException() is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
        ? "another program uses that port."
        : e.Message;
}
