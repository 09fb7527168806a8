using System.Globalization;
using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync.Sealing;

/// <param name="List">JSON text: {app, space, number, epoch, previous, by, devices: [{id, user, point, signer}]}. Epoch: the next one for another key (1 switches sealing on), that of now to let
/// in devices.</param>
/// <param name="Signature">Of device <c>by</c> over "lockstep/members/v1", a line feed and the list: ECDSA on P-256 with SHA-256, 64 bytes, base64url.</param>
internal sealed record SignedMembers(string List, string Signature);

/// <param name="Epoch">Of the key that seals what is written now; 0: values are in plain.</param>
internal sealed record KeyEpochView(int Epoch);

/// <param name="Number">Of the list, which is record <c>_members/{number}</c> of the space now.</param>
/// <param name="Waiting">Devices of members that are not in the list.</param>
internal sealed record SealedView(int Epoch, int Number, IReadOnlyList<string> Waiting);

/// <summary>Whether the values of a space are sealed, with which key, and who has it. Keys and lists travel as records of the space, the keys wrapped for each device.</summary>
internal static class SealingEndpoints
{
    private const int LongestList = 1 << 20;

    public static void MapSealing(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/sync/{app}/spaces/{space}/encryption").RequireAuthorization(Policies.User).WithTags("Sync").WithTokenScope(TokenScopes.Sync);
        group.MapGet("", Get).WithName("spaceEncryption").WithSummary("Which key seals what is written to an app of a space; 0: it is in plain").ProducesProblem(404);
        group.MapPut("", Put).WithName("sealSpace").WithSummary("Who reads an app of a space, signed by an admin's device; another key, the first one included, or more devices for the key of now")
            .ProducesProblem(403).ProducesProblem(404).ProducesProblem(409).ProducesProblem(422);
    }

    private static async Task<Results<Ok<KeyEpochView>, ProblemHttpResult>> Get(string app, string space, TenantSession session, CancellationToken ct) =>
        Names.IsApp(app) && JsonText.IsStorable(space)
        && (await session.Query(new Statement("SELECT k.epoch FROM lockstep.key_epoch($1, $2) k", space, app), row => row.GetInt32(0), ct)) is [var epoch]
            ? TypedResults.Ok(new KeyEpochView(epoch))
            : Problems.NotFound();

    private static async Task<Results<Ok<SealedView>, ProblemHttpResult>> Put(
        string app, string space, SignedMembers body, TenantSession session, ChangeLog log, ChangeHandlers handlers, CancellationToken ct)
    {
        if (!Names.IsApp(app) || !JsonText.IsStorable(space))
            return Problems.NotFound();
        if (handlers.For(app) is not null)
            return Problems.Invalid("app", $"The server works with the records of app '{app}' itself, so they cannot be sealed.");
        if (body.List.Length > LongestList || !JsonText.IsStorable(body.List) || MemberList.Read(body.List) is not { Number: > 0, Epoch: > 0 and < 1_000_000_000 } list || list.App != app)
            return Problems.Invalid("list", "A JSON text {app, space, number, epoch, previous, by, devices: [{id, user, point, signer}]}, all of it there and nothing else, of this app.");
        return await session.Transact<Results<Ok<SealedView>, ProblemHttpResult>>(async transaction =>
        {
            var state = (await transaction.Query(
                new Statement("SELECT s.status, s.space, s.epoch, s.number, s.list, s.devices, s.keyed FROM lockstep.open_sealing($1, $2, $3) s", space, app, list.Epoch), SealingState.Read, ct))[0];
            if (state.Status != "open")
                return state.Status == "forbidden" ? Problems.Forbidden("role_required", "Only admins of a space say who reads it.") : Problems.NotFound();
            if (state.Refusal(list, body.List, body.Signature, session.Caller.RequiredUser.Value) is { } refused)
                return Problems.Of(refused.Status, refused.Code, refused.Detail, refused.Devices is null ? null : new Dictionary<string, object?> { ["devices"] = refused.Devices });
            var results = await log.Append(transaction, new Scope(state.Space), [Record(app, list.Number, body)], ct);
            if (results[0].Status != ChangeStatus.Applied)
                throw new InvalidOperationException($"The list was not stored: {results[0].Code}");
            await transaction.Execute(ct, new Statement("SELECT lockstep.set_key_epoch($1, $2, $3)", state.Space, app, list.Epoch));
            return TypedResults.Ok(new SealedView(list.Epoch, list.Number, state.Waiting(list)));
        }, ct);
    }

    private static Change Record(string app, int number, SignedMembers body)
    {
        var change = new Change(app, SealedValues.Members, number.ToString(CultureInfo.InvariantCulture), ChangeOp.Insert, Change.Server) { IsSignedList = true };
        return change with { Fields = change.Fields.Add("list", Text(body.List)).Add("signature", Text(body.Signature)) };
    }

    private static FieldWrite Text(string value) => new(JsonText.Of(JsonText.Parse(JsonSerializer.Serialize(value))), null);
}
