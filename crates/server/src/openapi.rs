//! `GET /_samband/openapi.json`: samband's own admin API as an OpenAPI 3.1 document, from the endpoint tables and
//! what is said beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use samband_wire_core::{
    About, ApiError, Auth, Endpoint, Envelope, Field, Handler, Kind, Method, Object, Refusal, Reply, Request, Served,
    Service, handler,
};
use serde_json::{Map, Value, json};

pub static SERVICE: Service = Service {
    name: "server",
    versions: &[],
    envelope: |_| Envelope::Nested,
    endpoints: &[Endpoint::new(
        "OpenApi",
        Auth::Open,
        &[Served::always(Method::Get, "/_samband/openapi.json", 200)],
    )],
    rates: &[],
    about: &[About::of("OpenApi", "Describes the admin API as an OpenAPI 3.1 document.").answers(&DOCUMENT)],
};

static DOCUMENT: Object = Object::new("OpenApiDocument", "An OpenAPI 3.1 document.", &[]);

pub fn handlers() -> Vec<(&'static str, Handler)> {
    let document = Arc::new(Bytes::from(document(&crate::services()).to_string()));
    vec![("OpenApi", handler(&document, serve))]
}

async fn serve(document: Arc<Bytes>, _: Request) -> Result<Reply, ApiError> {
    Ok(Reply {
        body: (*document).clone(),
        ..Reply::empty(200)
    })
}

/// Where samband's own HTTP lives.
const OWN: &str = "/_samband/";
const ERROR: &str = "#/components/schemas/Error";
const DESCRIPTION: &str = "\
The API by which samband is administered. The wire of Azure Communication Services that samband serves is described by \
Microsoft's own documents.

- **Who may call**: the operator, with the admin token as bearer token. What needs no token says so.
- **Errors** have the envelope `Error`; the code is in the header `x-ms-error-code` too. `message` and `target` are for \
people, `code` is for programs.
- **Lists** are answered whole, in `value`. There are no pages; a `nextLink` beside `value` would be the URL of more.
- Fields that a request names and the API does not know are refused; answers may get more fields later.";

/// What every operation can answer.
const EVERYWHERE: [Refusal; 3] = [
    Refusal::new(
        405,
        "MethodNotAllowed",
        "the path has other methods; `Allow` names them",
    ),
    Refusal::new(
        503,
        "ServiceUnavailable",
        "the store cannot take or answer it now; nothing was acknowledged; `Retry-After` says when to try again",
    ),
    Refusal::new(500, "InternalServerError", "a fault of the server"),
];
const WITH_A_TOKEN: [Refusal; 1] = [Refusal::new(
    401,
    "Unauthorized",
    "there is no admin token, or another one",
)];
const WITH_A_BODY: [Refusal; 3] = [
    Refusal::new(408, "RequestTimeout", "the body did not arrive within 60 s"),
    Refusal::new(
        413,
        "RequestBodyTooLarge",
        "the body is longer than `max_body_bytes` of the configuration",
    ),
    Refusal::new(
        415,
        "UnsupportedMediaType",
        "`Content-Type` says that the body is not JSON",
    ),
];

fn document(services: &[&Service]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas = Map::new();
    let mut tags = Vec::new();
    for service in services {
        let before = paths.len();
        for endpoint in service.endpoints {
            for served in endpoint.history.iter().filter(|served| served.path.starts_with(OWN)) {
                let method = served.method.as_str().to_ascii_lowercase();
                let operation = operation(service, endpoint, served, &mut schemas);
                paths.entry(served.path).or_default().insert(method, operation);
            }
        }
        if paths.len() > before {
            tags.push(json!({ "name": service.name }));
        }
    }
    schemas.insert("Error".to_owned(), error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "samband admin API",
            "version": "v1",
            "summary": "Resources, keys, users, tokens and connections of a samband server.",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "adminToken": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "adminToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The admin token: printed by `samband dev`, kept in the data directory, or set as \
                        `[admin] token`.",
                },
            },
        },
    })
}

fn operation(service: &Service, endpoint: &Endpoint, served: &Served, schemas: &mut Map<String, Value>) -> Value {
    let mut operation = json!({
        "operationId": endpoint.op,
        "tags": [service.name],
        "parameters": parameters(served.path),
    });
    let (mut refusals, mut answer) = (Vec::new(), None);
    if let Some(about) = service.about(endpoint.op) {
        operation["description"] = json!(about.what);
        if let Some(body) = about.body {
            operation["requestBody"] = json!({
                "required": !about.body_optional,
                "content": { "application/json": { "schema": reference(body, schemas) } },
            });
            refusals.extend(&WITH_A_BODY);
        }
        answer = about.answer.map(|answer| reference(answer, schemas));
        refusals.extend(about.refusals);
    }
    match endpoint.auth {
        Auth::Open => operation["security"] = json!([]),
        _ => refusals.extend(&WITH_A_TOKEN),
    }
    refusals.extend(&EVERYWHERE);
    let mut responses = errors(&refusals);
    let mut success = json!({ "description": "Done." });
    if let Some(schema) = answer {
        success["content"] = json!({ "application/json": { "schema": schema } });
    }
    responses.insert(served.success.to_string(), success);
    operation["responses"] = Value::Object(responses);
    operation
}

fn parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name| {
        let (schema, what) = match name {
            "name" => (json!({ "type": "string" }), "The resource's name."),
            "id" => (
                json!({ "type": "string" }),
                "The user's id, `8:acs:<resource guid>_<user guid>`, percent-encoded.",
            ),
            "slot" => (
                json!({ "type": "string", "enum": ["primary", "secondary"] }),
                "Which of the two keys.",
            ),
            _ => (json!({ "type": "string" }), ""),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": what })
    };
    names.map(parameter).collect()
}

/// One response for each status, which says when each code comes.
fn errors(refusals: &[&Refusal]) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for refusal in refusals {
        let line = format!("`{}`: {}.", refusal.code, refusal.when);
        by_status.entry(refusal.status).or_default().push(line);
    }
    let response = |lines: Vec<String>| {
        json!({
            "description": lines.join("\n"),
            "content": { "application/json": { "schema": { "$ref": ERROR } } },
        })
    };
    let responses = by_status.into_iter();
    responses
        .map(|(status, lines)| (status.to_string(), response(lines)))
        .collect()
}

/// A reference to an object's schema, which is put beside the others.
fn reference(object: &'static Object, schemas: &mut Map<String, Value>) -> Value {
    if !schemas.contains_key(object.name) {
        let schema = object_schema(object, schemas);
        schemas.insert(object.name.to_owned(), schema);
    }
    json!({ "$ref": format!("#/components/schemas/{}", object.name) })
}

fn object_schema(object: &'static Object, schemas: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in object.fields {
        properties.insert(field.name.to_owned(), field_schema(field, schemas));
    }
    let required: Vec<_> = object.fields.iter().filter(|field| field.required).collect();
    let required: Vec<_> = required.into_iter().map(|field| field.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !object.what.is_empty() {
        schema["description"] = json!(object.what);
    }
    schema
}

fn field_schema(field: &'static Field, schemas: &mut Map<String, Value>) -> Value {
    let mut schema = match field.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::MapPatch => json!({ "type": "object", "additionalProperties": { "type": ["string", "null"] } }),
        Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::List(item) => json!({ "type": "array", "items": reference(item, schemas) }),
        Kind::Object(object) => reference(object, schemas),
    };
    if !field.what.is_empty() {
        schema["description"] = json!(field.what);
    }
    schema
}

/// The envelope of every error, as `ApiError` writes it.
fn error_schema() -> Value {
    let text = |what: &str| json!({ "type": "string", "description": what });
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": text("what went wrong, for programs; also in the header `x-ms-error-code`"),
                    "message": text("what went wrong, for people"),
                    "target": text("the field, parameter or header that the error is about"),
                },
            },
        },
    })
}

#[cfg(test)]
mod tests;
