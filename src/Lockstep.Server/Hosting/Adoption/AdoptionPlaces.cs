using Lockstep.Server.Tenancy.Jwt;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <param name="Source">Where the tables of other software are: another database, or the same one.</param>
/// <param name="Target">Lockstep's database, by the migrator's login.</param>
/// <param name="Tokens">As the server has them.</param>
internal sealed record AdoptionPlaces(NpgsqlDataSource Source, NpgsqlDataSource Target, JwtOptions Tokens);
