namespace Lockstep.Server.Hosting.Adoption;

/// <summary>A log of changes.</summary>
/// <param name="Columns">Those that are not named are called as in <see cref="ChangeColumns.Usual"/>.</param>
/// <param name="App">Of all rows, where no column says it.</param>
/// <param name="LateTimesCountAsArrival">A time of a device whose clock was more than five minutes ahead of the server's counts as the time of arrival; else such a row is bad.</param>
internal sealed record ChangeSource(string Table, ChangeColumns? Columns = null, string? App = null, bool LateTimesCountAsArrival = false)
{
    /// <summary>With every column that there is under its name, and none that is not.</summary>
    /// <exception cref="AdoptionRefusedException">One that is needed, or that the mapping names, is not there.</exception>
    public ChangeSource Among(IReadOnlyList<string> there)
    {
        var (named, usual) = (Columns ?? new ChangeColumns(), ChangeColumns.Usual);
        return this with
        {
            Columns = new ChangeColumns(
                Needed("id", named.Id, usual.Id!), App is null ? Needed("app", named.App, usual.App!) : Optional(named.App, null), Needed("table", named.Table, usual.Table!),
                Needed("recordId", named.RecordId, usual.RecordId!), Needed("userId", named.UserId, usual.UserId!), Needed("op", named.Op, usual.Op!),
                Needed("data", named.Data, usual.Data!), Needed("createdAt", named.CreatedAt, usual.CreatedAt!), Optional(named.FieldTimes, usual.FieldTimes),
                Optional(named.ClientId, usual.ClientId), Optional(named.SpaceId, usual.SpaceId), Optional(named.SchemaVersion, usual.SchemaVersion),
                Optional(named.Actor, usual.Actor), Optional(named.Origin, usual.Origin), Optional(named.DeletedAt, usual.DeletedAt)),
        };

        string Needed(string member, string? name, string standard) =>
            Optional(name, standard) ?? throw AdoptionMap.NoColumn(Table, standard, there, $" Name the one that is meant as \"{member}\" in the mapping's \"columns\".");

        string? Optional(string? name, string? standard) => name is null
            ? standard is not null && there.Contains(standard) ? standard : null
            : there.Contains(name) ? name : throw AdoptionMap.NoColumn(Table, name, there, "");
    }
}

/// <param name="UserId">As tokens name the user, in <c>sub</c>.</param>
/// <param name="Data">jsonb: a record, or the fields of an update.</param>
/// <param name="FieldTimes">jsonb: {field: RFC 3339}.</param>
/// <param name="SpaceId">NULL and <c>_personal:...</c>: the user's own.</param>
/// <param name="DeletedAt">Else <c>deletedAt</c> in the data of a delete.</param>
internal sealed record ChangeColumns(
    string? Id = null, string? App = null, string? Table = null, string? RecordId = null, string? UserId = null, string? Op = null, string? Data = null, string? CreatedAt = null,
    string? FieldTimes = null, string? ClientId = null, string? SpaceId = null, string? SchemaVersion = null, string? Actor = null, string? Origin = null, string? DeletedAt = null)
{
    public static readonly ChangeColumns Usual = new(
        "id", "app_id", "table_name", "record_id", "user_id", "op", "data", "created_at",
        "field_timestamps", "client_id", "space_id", "schema_version", "actor", "origin", "deleted_at");
}

/// <summary>Spaces that changes name: they become workspaces.</summary>
internal sealed record SpaceSource(string Table, string Id, string? Name = null);

/// <param name="UserId">As tokens name the user.</param>
/// <param name="Role">owner, admin or member; anything else is a member, and without a column everybody is.</param>
/// <param name="JoinedAt">Who has joined after his cursor gets the space's history from its beginning. Without a column: when it is taken over.</param>
internal sealed record MemberSource(string Table, string SpaceId, string UserId, string? Role = null, string? JoinedAt = null);
