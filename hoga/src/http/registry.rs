//! The schema registry over HTTP: the look-ups of Confluent's, with its paths, answers and error codes, so that its
//! clients work unchanged (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>).
//!
//! Invariants:
//! 1. Every answer, a refusal too, is JSON of the registry's content type; a refusal has `error_code` and `message`.
//! 2. `POST /subjects/{subject}` is a look-up in that protocol: which version a schema is. Nothing registers.
//!
//! Left out on purpose: compatibility checks and other formats than Avro.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hoga_topics::registry::{Registry, Version};
use serde_json::{Value, json};
use std::sync::Arc;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Far above the longest schema.
const MAX_BODY_BYTES: usize = 256 << 10;

type Known = State<Arc<Registry>>;
type Body = Result<Bytes, BytesRejection>;
type Answer = Result<Json, Refusal>;

/// The registry's paths.
pub fn routes(registry: Registry) -> Router {
    Router::new()
        .route("/", get(|| async { Json(json!({})) }))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(find))
        .route("/subjects/{subject}/versions", get(versions))
        .route("/subjects/{subject}/versions/{version}", get(version))
        .route("/subjects/{subject}/versions/{version}/schema", get(version_schema))
        .route("/schemas/types", get(|| async { Json(json!(["AVRO"])) }))
        .route("/schemas/ids/{id}", get(schema))
        .route("/schemas/ids/{id}/schema", get(bare_schema))
        .route("/schemas/ids/{id}/subjects", get(schema_subjects))
        .route("/schemas/ids/{id}/versions", get(schema_versions))
        // Schemas change so that old and new readers agree (schemas/src/tests/compatibility.rs).
        .route("/config", get(|| async { Json(json!({"compatibilityLevel": "FULL_TRANSITIVE"})) }))
        .route("/mode", get(|| async { Json(json!({"mode": "READONLY"})) }))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(registry))
}

/// A path that is none.
pub async fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, 404, "HTTP 404 Not Found".into())
}

/// A path that takes no such method.
pub async fn read_only() -> Refusal {
    let what = "this registry is read-only: hoga's schemas come with hoga; a client that would register them is told \
                not to with auto.register.schemas=false";
    Refusal(StatusCode::METHOD_NOT_ALLOWED, 405, what.into())
}

async fn subjects(State(registry): Known) -> Json {
    Json(registry.subjects().collect())
}

async fn versions(State(registry): Known, Path(subject): Path<String>) -> Answer {
    let versions = registry.versions(&subject).ok_or_else(|| no_subject(&subject))?;
    Ok(Json(versions.iter().map(|version| version.number).collect()))
}

async fn version(State(registry): Known, Path((subject, version)): Path<(String, String)>) -> Answer {
    let version = pick(&registry, &subject, &version)?;
    described(&registry, &subject, version)
}

async fn version_schema(State(registry): Known, Path((subject, version)): Path<(String, String)>) -> Answer {
    let version = pick(&registry, &subject, &version)?;
    text(&registry, version.schema_id).map(|text| Json(text.parse().unwrap_or(Value::String(text))))
}

async fn schema(State(registry): Known, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({"schema": text(&registry, parse_id(&id)?)?})))
}

async fn bare_schema(State(registry): Known, Path(id): Path<String>) -> Answer {
    text(&registry, parse_id(&id)?).map(|text| Json(text.parse().unwrap_or(Value::String(text))))
}

async fn schema_subjects(State(registry): Known, Path(id): Path<String>) -> Answer {
    let id = parse_id(&id)?;
    text(&registry, id)?;
    Ok(Json(registry.uses(id).map(|(subject, _)| subject).collect()))
}

async fn schema_versions(State(registry): Known, Path(id): Path<String>) -> Answer {
    let id = parse_id(&id)?;
    text(&registry, id)?;
    Ok(Json(registry.uses(id).map(|(subject, v)| json!({"subject": subject, "version": v.number})).collect()))
}

/// Which version of the subject the schema in the body is.
async fn find(State(registry): Known, Path(subject): Path<String>, body: Body) -> Answer {
    let body = body.map_err(|error| Refusal(error.status(), error.status().as_u16().into(), error.body_text()))?;
    if registry.versions(&subject).is_none() {
        return Err(no_subject(&subject));
    }
    let asked: Option<Value> = serde_json::from_slice(&body).ok();
    let Some(schema) = asked.as_ref().and_then(|asked| asked.get("schema")).and_then(Value::as_str) else {
        return Err(unprocessable(42201, "the body is not an object with the schema's text as \"schema\""));
    };
    let version = registry.find(&subject, schema).ok_or_else(no_schema)?;
    described(&registry, &subject, version)
}

fn described(registry: &Registry, subject: &str, version: Version) -> Answer {
    let Version { number, schema_id } = version;
    let schema = text(registry, schema_id)?;
    Ok(Json(json!({"subject": subject, "version": number, "id": schema_id, "schema": schema})))
}

fn pick(registry: &Registry, subject: &str, asked: &str) -> Result<Version, Refusal> {
    // -1 is the older name of the latest.
    let asked = match asked {
        "latest" | "-1" => None,
        number => Some(number.parse::<u32>().ok().filter(|n| (1..=i32::MAX as u32).contains(n)).ok_or_else(|| {
            let what = format!(
                "The specified version '{number}' is not a valid version id. Allowed values are between [1, 2^31-1] \
                 and the string \"latest\""
            );
            unprocessable(42202, &what)
        })?),
    };
    let mut versions = registry.versions(subject).ok_or_else(|| no_subject(subject))?.into_iter();
    let found = match asked {
        None => versions.next_back(),
        Some(number) => versions.find(|version| version.number == number),
    };
    let number = asked.unwrap_or_default();
    found.ok_or_else(|| Refusal(StatusCode::NOT_FOUND, 40402, format!("Version {number} not found.")))
}

/// As Confluent's: an id that is no number is a path that is none.
fn parse_id(id: &str) -> Result<u32, Refusal> {
    id.parse().map_err(|_| Refusal(StatusCode::NOT_FOUND, 404, "HTTP 404 Not Found".into()))
}

fn text(registry: &Registry, id: u32) -> Result<String, Refusal> {
    let missing = || Refusal(StatusCode::NOT_FOUND, 40403, format!("Schema {id} not found"));
    registry.schema(id).ok_or_else(missing)
}

fn no_subject(subject: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, 40401, format!("Subject '{subject}' not found."))
}

fn no_schema() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, 40403, "Schema not found".into())
}

fn unprocessable(code: u32, what: &str) -> Refusal {
    Refusal(StatusCode::UNPROCESSABLE_ENTITY, code, what.into())
}

/// A good answer.
pub struct Json(Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], self.0.to_string()).into_response()
    }
}

/// A refusal: HTTP's status, the registry's code, why.
pub struct Refusal(StatusCode, u32, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, error_code, message) = self;
        (status, Json(json!({"error_code": error_code, "message": message}))).into_response()
    }
}
