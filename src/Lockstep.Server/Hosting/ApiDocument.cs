using System.Reflection;
using System.Text.Json.Nodes;
using Lockstep.Server.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using NodaTime;

namespace Lockstep.Server.Hosting;

/// <summary>/openapi/v1.json: complete enough to generate a client from.</summary>
internal static class ApiDocument
{
    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Lockstep",
                Version = "v1",
                Description = "Credentials, calendar sync, change sync and a public page of free time. Errors are RFC 9457 problem documents with a stable 'code'.",
            };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT" },
            };
            document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
            document.Components.Schemas["ProblemDetails"] = Problem();
            foreach (var type in typeof(ApiDocument).Assembly.GetTypes())
                if (Attribute<NeedsAttribute>(type) is { } needs && document.Components.Schemas.TryGetValue(type.Name, out var body))
                    foreach (var member in needs.Members)
                        body.Properties![member] = NotNull(body.Properties[member]);
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (context.JsonTypeInfo.Type == typeof(Instant) || context.JsonTypeInfo.Type == typeof(Instant?))
            {
                schema.Type = context.JsonTypeInfo.Type == typeof(Instant) ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
                schema.Format = "date-time";
                schema.Properties = null;
            }
            if (Attribute<OneOfAttribute>(context.JsonPropertyInfo?.AttributeProvider) is { } oneOf)
                schema.Enum = [.. oneOf.Words.Select(word => (JsonNode)word), .. schema.Type?.HasFlag(JsonSchemaType.Null) == true ? [JsonNullSentinel.JsonNull] : Array.Empty<JsonNode>()];
            if (context.JsonPropertyInfo is null && Attribute<NeedsAttribute>(context.JsonTypeInfo.Type) is { } needs)
                schema.Required = needs.Members.ToHashSet();
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Microsoft.AspNetCore.Authorization.IAuthorizeData>().Any())
                operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", context.Document)] = [] }];
            // A body that is left out is answered by field (422) and not by the framework; it is needed all the same.
            if (operation.RequestBody is OpenApiRequestBody { Required: false, Content: { } contents } body)
            {
                body.Required = true;
                foreach (var media in contents.Values)
                    media.Schema = NotNull(media.Schema!);
            }
            operation.Responses ??= [];
            operation.Responses.TryAdd("default", new OpenApiResponse
            {
                Description = "What was wrong, where, and what to do",
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference("ProblemDetails", context.Document) },
                },
            });
            return Task.CompletedTask;
        });
    });

    private static IOpenApiSchema NotNull(IOpenApiSchema schema)
    {
        if (schema.OneOf is { Count: 2 } choices)
            return choices.First(choice => choice.Type != JsonSchemaType.Null);
        if (schema is OpenApiSchema own)
            own.Type &= ~JsonSchemaType.Null;
        return schema;
    }

    private static T? Attribute<T>(ICustomAttributeProvider? provider)
        where T : Attribute => provider?.GetCustomAttributes(typeof(T), inherit: false).OfType<T>().FirstOrDefault();

    /// <summary>RFC 9457 with our members.</summary>
    private static OpenApiSchema Problem() => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "status", "code", "detail" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["title"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer },
            ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Stable, for programs" },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What was wrong, where, and what to do; for people" },
            ["traceId"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["errors"] = new OpenApiSchema { Type = JsonSchemaType.Object, Description = "By field, when the request was invalid" },
        },
    };
}
