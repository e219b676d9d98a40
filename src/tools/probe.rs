//! What the probes of many targets share: asking them at the same time, counting who answered, and the verdict.

use futures::StreamExt;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

use super::outbound::shown;
use super::{cancelled, elapsed_ms};
use crate::driver::tool::{ToolCall, ToolOutcome};
use crate::engine::failure::StepError;

/// Targets asked at the same time: enough to be quick, too few to look like an attack.
const PARALLEL_MAX: usize = 16;
/// Targets of one step; more want a `map` over groups.
pub const TARGETS_MAX: usize = 256;
/// The longest one target may take to answer.
pub const TARGET_TIMEOUT_MS_MAX: u64 = 600_000;
pub const TARGET_TIMEOUT_MS_DEFAULT: u64 = 5_000;
/// Failing targets that a message names; the rest are counted.
const NAMED_MAX: usize = 10;

/// How many targets must be well for the step to succeed.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    #[default]
    All,
    Any,
    None,
}

pub fn default_timeout_ms() -> u64 {
    TARGET_TIMEOUT_MS_DEFAULT
}

/// What one kind of probe calls things.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The field of a result that holds the target.
    pub key: &'static str,
    /// The targets in plural.
    pub targets: &'static str,
    /// What a failing one did not do.
    pub fault: &'static str,
    pub code: &'static str,
    /// The fields of a target that did not answer.
    pub unanswered: fn() -> Value,
}

/// What was found out about one target.
pub struct Finding {
    /// Fields that only this kind of probe has.
    pub fields: Map<String, Value>,
    /// Why the target is not well, in a few words.
    pub error: Option<String>,
}

impl Finding {
    pub fn well(fields: Value) -> Self {
        Self {
            fields: fields_of(fields),
            error: None,
        }
    }

    pub fn unwell(fields: Value, error: impl Into<String>) -> Self {
        Self {
            fields: fields_of(fields),
            error: Some(error.into()),
        }
    }
}

/// Probes every target, a few at a time, and answers in the order in which they were given.
pub async fn survey<P, F>(
    call: &ToolCall,
    kind: Kind,
    targets: Vec<String>,
    timeout_ms: u64,
    require: Require,
    probe: P,
) -> ToolOutcome
where
    P: Fn(String) -> F,
    F: Future<Output = Finding>,
{
    let total = targets.len();
    let mut found: Vec<Option<Value>> = vec![None; total];
    let mut answers = futures::stream::iter(targets.into_iter().enumerate().map(|(at, target)| {
        let finding = probe(target.clone());
        async move { (at, timed(kind, target, timeout_ms, finding).await) }
    }))
    .buffer_unordered(PARALLEL_MAX);
    let mut done = 0;
    loop {
        let next = tokio::select! {
            biased;
            () = call.cancel.cancelled() => return cancelled(),
            next = answers.next() => next,
        };
        let Some((at, row)) = next else { break };
        call.log.note(&told(kind, &row));
        found[at] = Some(row);
        done += 1;
        let percent = u8::try_from(done * 100 / total).unwrap_or(100);
        call.progress
            .report(percent, &format!("{done} of {total} {}", kind.targets));
    }
    verdict(kind, found.into_iter().flatten().collect(), require)
}

/// One target, as a line of the log.
fn told(kind: Kind, row: &Value) -> String {
    let target = row[kind.key].as_str().unwrap_or_default();
    // Of an address without what often carries a token.
    let target = match Url::parse(target) {
        Ok(url) if target.contains("://") => shown(&url),
        Ok(_) | Err(_) => target.to_owned(),
    };
    let ms = &row["duration_ms"];
    match row["error"].as_str() {
        Some(error) if error.contains(&target) => format!("{error} ({ms} ms)"),
        Some(error) => format!("{target}: {error} ({ms} ms)"),
        None => match row["status"].as_u64() {
            Some(status) => format!("{target}: answered {status} ({ms} ms)"),
            None => format!("{target}: well ({ms} ms)"),
        },
    }
}

async fn timed(
    kind: Kind,
    target: String,
    timeout_ms: u64,
    finding: impl Future<Output = Finding>,
) -> Value {
    let started = Instant::now();
    let limit = Duration::from_millis(timeout_ms);
    let finding = tokio::time::timeout(limit, finding)
        .await
        .unwrap_or_else(|_| {
            Finding::unwell(
                (kind.unanswered)(),
                format!("no answer within {timeout_ms} ms"),
            )
        });
    let mut row = finding.fields;
    row.insert(kind.key.to_owned(), Value::String(target));
    row.insert("ok".to_owned(), Value::Bool(finding.error.is_none()));
    row.insert("duration_ms".to_owned(), elapsed_ms(started).into());
    row.insert(
        "error".to_owned(),
        finding.error.map_or(Value::Null, Value::String),
    );
    Value::Object(row)
}

fn verdict(kind: Kind, results: Vec<Value>, require: Require) -> ToolOutcome {
    let total = results.len();
    let faults: Vec<String> = results
        .iter()
        .filter_map(|row| {
            let error = row["error"].as_str()?;
            let target = row[kind.key].as_str().unwrap_or_default();
            Some(if error.contains(target) {
                error.to_owned()
            } else {
                format!("{target} ({error})")
            })
        })
        .collect();
    let (up, down) = (total - faults.len(), faults.len());
    let met = match require {
        Require::All => down == 0,
        Require::Any => up > 0,
        Require::None => true,
    };
    let output = json!({ "results": results, "up": up, "down": down, "total": total });
    if met {
        return ToolOutcome::Succeeded(output);
    }
    // Each fault may hold advice of its own, so each is a sentence.
    let mut named: Vec<String> = faults
        .iter()
        .take(NAMED_MAX)
        .map(|fault| {
            let stop = if fault.ends_with(['.', '?']) { "" } else { "." };
            format!("{fault}{stop}")
        })
        .collect();
    if down > NAMED_MAX {
        named.push(format!("And {} more.", down - NAMED_MAX));
    }
    let named = named.join(" ");
    let message = format!("{down} of {total} {} {}: {named}", kind.targets, kind.fault);
    ToolOutcome::Failed(StepError::new(kind.code, message).with_data(output))
}

fn fields_of(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// The schema of a probe's `timeout_ms`.
pub fn timeout_schema() -> Value {
    json!({
        "title": "Time limit in ms",
        "description": "How long each one may take to answer.",
        "type": "integer", "minimum": 1, "maximum": TARGET_TIMEOUT_MS_MAX,
        "default": TARGET_TIMEOUT_MS_DEFAULT,
    })
}

/// The schema of a probe's `require`.
pub fn require_schema() -> Value {
    json!({
        "title": "Required",
        "description": "Who must be well for the step to succeed: all, at least one (any), or nobody (none). \
                        A failed step still hands its results on.",
        "type": "string", "enum": ["all", "any", "none"], "default": "all",
    })
}

/// The schema of a probe's output, where each result holds `key`, the named fields and what all results hold.
pub fn output_schema(key: &str, key_title: &str, fields: Value) -> Value {
    let mut properties = fields_of(fields);
    properties.insert(
        key.to_owned(),
        json!({ "title": key_title, "type": "string" }),
    );
    properties.insert(
        "ok".to_owned(),
        json!({ "title": "Well", "type": "boolean" }),
    );
    properties.insert(
        "duration_ms".to_owned(),
        json!({ "title": "Duration, ms", "type": "integer", "minimum": 0 }),
    );
    properties.insert(
        "error".to_owned(),
        json!({ "title": "Error", "description": "Why it is not well.", "type": ["string", "null"] }),
    );
    let count = |title: &str| json!({ "title": title, "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["results", "up", "down", "total"],
        "properties": {
            "results": {
                "title": "Results",
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": properties.keys().collect::<Vec<_>>(),
                    "properties": properties,
                },
            },
            "up": count("Well"),
            "down": count("Not well"),
            "total": count("Asked"),
        },
    })
}
