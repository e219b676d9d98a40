//! `report.write`: a Markdown report from a template and data, kept as a file of the run. What comes from data is
//! shown as text: it cannot become a heading, a link or another column.

mod health;
mod markdown;
mod template;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{cancelled, invalid_input, parse_input};
use crate::driver::tool::{Artifact, ArtifactSink, Tool, ToolCall, ToolOutcome};
use crate::engine::failure::StepError;
use crate::engine::limits::NAME_CHARS_MAX;
use crate::engine::tool::{EffectClass, ToolSpec};
use template::{REPORT_BYTES_MAX, TEMPLATE_BYTES_MAX};

/// The beginning of a report, for places that only preview it.
const EXCERPT_CHARS_MAX: usize = 2_000;
const HEALTH_TEMPLATE: &str = include_str!("report/health.md.j2");

pub struct ReportWrite {
    spec: ToolSpec,
    artifacts: Arc<dyn ArtifactSink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    template: Option<Template>,
    #[serde(default)]
    template_text: Option<String>,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    file_name: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Template {
    Health,
}

/// What is to be rendered, and under which name it is kept.
struct Report {
    source: String,
    context: Value,
    file_name: String,
}

impl Report {
    fn new(input: Input) -> Result<Self, StepError> {
        let (source, context, stem) = match (input.template, input.template_text) {
            (Some(Template::Health), None) => {
                let title = input.title.as_deref().unwrap_or("System health check");
                let context = health::context(title, &input.data)?;
                (HEALTH_TEMPLATE.to_owned(), context, "health-report")
            }
            (None, Some(text)) => {
                template::check(&text)?;
                let title = input.title.as_deref().unwrap_or("Report");
                (
                    text,
                    json!({ "title": title, "data": input.data }),
                    "report",
                )
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(invalid_input(
                    "Give either `template`, the name of a built-in template, or `template_text`, and not both.",
                ));
            }
        };
        let file_name = input.file_name.unwrap_or_else(|| format!("{stem}.md"));
        if !is_file_name(&file_name) {
            return Err(invalid_input(
                "`file_name` ends in .md and holds letters, digits, spaces, dots, dashes and underscores only.",
            ));
        }
        Ok(Self {
            source,
            context,
            file_name,
        })
    }
}

fn is_file_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    name.len() <= 120
        && name.len() > ".md".len()
        && name.ends_with(".md")
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed)
}

impl ReportWrite {
    pub fn new(artifacts: Arc<dyn ArtifactSink>) -> Self {
        let spec = ToolSpec {
            name: "report.write".to_owned(),
            description: "Writes a Markdown report from a template and keeps it as a file of the run. Written \
                          again by the same step, it replaces itself."
                .to_owned(),
            input_schema: input_schema(),
            output_schema: output_schema(),
            effect: EffectClass::Idempotent,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 30_000,
            max_parallel: None,
        };
        Self { spec, artifacts }
    }
}

#[async_trait]
impl Tool for ReportWrite {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let report = match parse_input::<Input>(&call.input).and_then(Report::new) {
            Ok(report) => report,
            Err(error) => return ToolOutcome::Failed(error),
        };
        let Report {
            source,
            context,
            file_name,
        } = report;
        // Rendering is bounded, but its bound is longer than an async thread may be kept busy.
        let rendering = tokio::task::spawn_blocking(move || template::render(&source, &context));
        let rendered = tokio::select! {
            biased;
            () = call.cancel.cancelled() => return cancelled(),
            rendered = rendering => rendered,
        };
        let text = match rendered {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return ToolOutcome::Failed(error),
            Err(error) => {
                return ToolOutcome::Failed(StepError::new("render_failed", error.to_string()));
            }
        };
        self.keep(&call, file_name, text).await
    }
}

impl ReportWrite {
    async fn keep(&self, call: &ToolCall, name: String, text: String) -> ToolOutcome {
        let output = json!({
            "name": name,
            "bytes": text.len(),
            "markdown_excerpt": excerpt(&text),
        });
        let artifact = Artifact {
            run_id: call.run_id.clone(),
            step_id: call.step_id.clone(),
            name,
            media_type: "text/markdown; charset=utf-8".to_owned(),
            content: text.into_bytes(),
        };
        match self.artifacts.keep(artifact).await {
            Ok(id) => {
                let mut output = output;
                output["artifact_id"] = Value::String(id.to_string());
                let kept = format!("wrote {} ({} bytes)", output["name"], output["bytes"]);
                call.log.note(&kept);
                ToolOutcome::Succeeded(output)
            }
            Err(why) => ToolOutcome::Failed(StepError::new(
                "artifact_not_kept",
                format!("The report was written but could not be kept: {why}"),
            )),
        }
    }
}

/// The beginning of the text, cut at the end of a line where there is one.
fn excerpt(text: &str) -> &str {
    let Some((cut, _)) = text.char_indices().nth(EXCERPT_CHARS_MAX) else {
        return text;
    };
    let head = &text[..cut];
    head.rfind('\n').map_or(head, |end| &head[..end])
}

fn input_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["template"] }, { "required": ["template_text"] }],
        "properties": {
            "template": {
                "title": "Template",
                "description": "A built-in template. `health` lays out findings, host, endpoints and thresholds.",
                "type": "string", "enum": ["health"],
            },
            "template_text": {
                "title": "Template text",
                "description": "A template of your own, in Markdown: `{{ title }}`, `{{ data.field }}`, \
                                `{% for %}` and `{% if %}`. Values are computed in a step before, not here.",
                "type": "string", "format": "textarea", "minLength": 1, "maxLength": TEMPLATE_BYTES_MAX,
            },
            "data": {
                "title": "Data",
                "description": "What the template shows.",
                "default": null,
            },
            "title": {
                "title": "Title",
                "description": "The report's headline.",
                "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX,
            },
            "file_name": {
                "title": "File name",
                "description": "Under which the report is kept; it ends in .md.",
                "type": "string", "maxLength": 120, "pattern": r"^[A-Za-z0-9][A-Za-z0-9._ -]*\.md$",
            },
        },
        "examples": [
            { "template": "health", "data": {
                "breaches": [{ "what": "Disk /", "measured": "93.1 %", "limit": "90 %", "detail": "ext4" }],
                "host": null, "endpoints": null,
                "thresholds": { "disk_max_percent": 90, "load_max_per_cpu": 1.5, "memory_max_percent": 95 },
            } },
            {
                "template_text": "# {{ title }}\n\n{% for name in data.names %}\n- {{ name }}\n{% endfor %}\n",
                "data": { "names": ["one", "two"] }, "title": "Names", "file_name": "names.md",
            },
        ],
    })
}

fn output_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["artifact_id", "name", "bytes", "markdown_excerpt"],
        "properties": {
            "artifact_id": { "title": "File", "type": "string" },
            "name": { "title": "File name", "type": "string" },
            "bytes": { "title": "Size, bytes", "type": "integer", "minimum": 0, "maximum": REPORT_BYTES_MAX },
            "markdown_excerpt": { "title": "Beginning", "type": "string" },
        },
    })
}
