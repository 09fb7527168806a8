namespace Lockstep.Server.ChangeSync.Schemas;

/// <summary>What is declared of the tables of all apps, as this node knows it. Without a declaration a table takes anything, of version 1.</summary>
internal sealed class TableSchemas
{
    private volatile IReadOnlyDictionary<(string App, string Table), TableSchema> known = new Dictionary<(string, string), TableSchema>();

    public void Replace(IReadOnlyDictionary<(string App, string Table), TableSchema> all) => known = all;

    public TableSchema? For(string app, string table) => known.Count == 0 ? null : known.GetValueOrDefault((app, table));

    /// <summary>The newest version that clients may write to a table.</summary>
    public int NewestOf(string app, string table) => For(app, table)?.Version ?? Names.NewestSchema;

    /// <summary>The newest of any table of the app.</summary>
    public int NewestOf(string app) => known.Where(entry => entry.Key.App == app).Select(entry => entry.Value.Version).DefaultIfEmpty(Names.NewestSchema).Max();

    /// <summary>A change of the log as its table has it now.</summary>
    public LoggedChange Upgrade(string app, LoggedChange change) =>
        For(app, change.Table) is { } table && table.Version > change.SchemaVersion
            ? change with { State = table.Upgrade(change.State, change.SchemaVersion, change.Op == ChangeOp.Insert), SchemaVersion = table.Version }
            : change;
}
