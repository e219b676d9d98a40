//! Workflows as files: out as YAML or JSON, in by the dozen, and the schema that editors check them with.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path, Query};
use crate::driver::service::{ImportOutcome, Imported, Incoming, Pins, Service};
use crate::engine::document::{to_json, to_yaml};
use crate::engine::workflow::Workflow;

/// JSON Schema (2020-12) of a workflow.
pub const WORKFLOW_SCHEMA: &str = include_str!("schemas/workflow.json");
/// Where a server publishes it.
const SCHEMA_PATH: &str = "/api/v1/schemas/workflow.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    #[serde(default)]
    format: Format,
    version: Option<u32>,
    #[serde(default)]
    pins: PinsWord,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Yaml,
    Json,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PinsWord {
    #[default]
    All,
    Moved,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportBody {
    items: Vec<ImportItem>,
    /// For the versions that are made.
    #[serde(default)]
    note: String,
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportItem {
    slug: String,
    definition: Workflow,
}

#[derive(Serialize)]
pub(super) struct ImportedItem {
    slug: String,
    outcome: &'static str,
    /// The one that is current now.
    version: u32,
    /// It had been deleted.
    brought_back: bool,
}

impl From<Imported> for ImportedItem {
    fn from(imported: Imported) -> Self {
        Self {
            slug: imported.slug,
            outcome: match imported.outcome {
                ImportOutcome::Created => "created",
                ImportOutcome::Changed => "changed",
                ImportOutcome::Unchanged => "unchanged",
            },
            version: imported.version,
            brought_back: imported.brought_back,
        }
    }
}

pub(super) async fn export(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let pins = match query.pins {
        PinsWord::All => Pins::All,
        PinsWord::Moved => Pins::Moved,
    };
    let (slug, definition) = service.exported(&slug, query.version, pins).await?;
    let (text, media_type, ending) = match query.format {
        Format::Yaml => {
            let schema = format!("{}{SCHEMA_PATH}", service.address());
            let text = format!(
                "# yaml-language-server: $schema={schema}\n{}",
                to_yaml(&definition)
            );
            (text, "application/yaml; charset=utf-8", "yaml")
        }
        Format::Json => (to_json(&definition), "application/json", "json"),
    };
    // A slug has no character that would have to be escaped.
    let disposition = format!("attachment; filename=\"{slug}.{ending}\"");
    let disposition =
        HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, text).into_response())
}

/// All of them, or none.
pub(super) async fn import(
    State(service): State<Service>,
    Json(body): Json<ImportBody>,
) -> Result<Json<Page<ImportedItem>>, Problem> {
    let incoming = body.items.into_iter().map(|item| Incoming {
        slug: item.slug,
        definition: item.definition,
    });
    let imported = service
        .import(incoming.collect(), &body.note, body.dry_run, LOCAL_ACTOR)
        .await?;
    Ok(Json(Page {
        items: imported.into_iter().map(ImportedItem::from).collect(),
        next: None,
    }))
}

pub(super) async fn schema() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/schema+json")],
        WORKFLOW_SCHEMA,
    )
}

#[cfg(test)]
mod tests;
