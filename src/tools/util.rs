//! Two tools that touch nothing: one for measuring the engine, one for rehearsing a workflow that takes its time.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

use super::{cancelled, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::tool::{EffectClass, ToolSpec};

/// A day, as for any attempt.
const SLEEP_MS_MAX: u64 = crate::engine::limits::STEP_TIMEOUT_MS_MAX;
/// A sleep is cut into this many reports of progress, but into none shorter than `PAUSE_MS_MIN`.
const REPORTS_MAX: u64 = 100;
const PAUSE_MS_MIN: u64 = 250;

pub struct Noop {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoopInput {
    #[serde(default)]
    value: Value,
}

impl Noop {
    pub fn new() -> Self {
        let value = json!({
            "title": "Value", "description": "Anything; it comes back unchanged.", "default": null,
        });
        let spec = ToolSpec {
            name: "util.noop".to_owned(),
            description: "Does nothing and gives back the value it was handed.".to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "properties": { "value": value },
                "examples": [{ "value": { "any": "thing" } }, {}],
            }),
            output_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["value"],
                "properties": { "value": { "title": "Value" } },
            }),
            effect: EffectClass::Idempotent,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 5_000,
            max_parallel: None,
        };
        Self { spec }
    }
}

#[async_trait]
impl Tool for Noop {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        match parse_input::<NoopInput>(&call.input) {
            Ok(input) => ToolOutcome::Succeeded(json!({ "value": input.value })),
            Err(error) => ToolOutcome::Failed(error),
        }
    }
}

pub struct Sleep {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SleepInput {
    ms: u64,
}

impl Sleep {
    pub fn new() -> Self {
        let spec = ToolSpec {
            name: "util.sleep".to_owned(),
            description:
                "Waits for the given time and reports how far it is. For rehearsals: a `wait` step \
                          survives a restart, this does not."
                    .to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["ms"],
                "properties": { "ms": {
                    "title": "Duration in ms",
                    "description": "How long to wait. The step's time limit must be longer.",
                    "type": "integer", "minimum": 0, "maximum": SLEEP_MS_MAX,
                } },
                "examples": [{ "ms": 1500 }],
            }),
            output_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["slept_ms"],
                "properties": { "slept_ms": { "title": "Slept for, ms", "type": "integer", "minimum": 0 } },
            }),
            effect: EffectClass::Pure,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 300_000,
            max_parallel: None,
        };
        Self { spec }
    }
}

#[async_trait]
impl Tool for Sleep {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let total_ms = match parse_input::<SleepInput>(&call.input) {
            Ok(input) if input.ms <= SLEEP_MS_MAX => input.ms,
            Ok(_) => {
                return ToolOutcome::Failed(super::invalid_input(format!(
                    "`ms` is at most {SLEEP_MS_MAX}, a day."
                )));
            }
            Err(error) => return ToolOutcome::Failed(error),
        };
        let pause_ms = (total_ms / REPORTS_MAX).max(PAUSE_MS_MIN);
        let mut slept_ms = 0;
        while slept_ms < total_ms {
            let percent = u8::try_from(slept_ms * 100 / total_ms).unwrap_or(100);
            call.progress
                .report(percent, &format!("Slept {slept_ms} of {total_ms} ms"));
            let next_ms = pause_ms.min(total_ms - slept_ms);
            tokio::select! {
                biased;
                () = call.cancel.cancelled() => return cancelled(),
                () = tokio::time::sleep(Duration::from_millis(next_ms)) => slept_ms += next_ms,
            }
        }
        ToolOutcome::Succeeded(json!({ "slept_ms": slept_ms }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::tool::Progress;
    use crate::tools::testing::{call, succeed};

    #[tokio::test]
    async fn noop_gives_back_what_it_got() {
        let input = json!({ "value": [1, { "two": null }] });
        assert_eq!(succeed(&Noop::new(), input.clone()).await, input);
        assert_eq!(
            succeed(&Noop::new(), json!({})).await,
            json!({ "value": null })
        );
    }

    #[tokio::test]
    async fn sleep_says_how_long_it_slept() {
        assert_eq!(
            succeed(&Sleep::new(), json!({ "ms": 2 })).await,
            json!({ "slept_ms": 2 })
        );
    }

    #[tokio::test]
    async fn a_cancelled_sleep_ends_at_once() {
        let mut call = call(json!({ "ms": SLEEP_MS_MAX }));
        let cancel = call.cancel.clone();
        call.progress = Progress::new(move |_, _| cancel.cancel());
        match Sleep::new().call(call).await {
            ToolOutcome::Failed(error) => assert_eq!(error.code, "cancelled"),
            other => panic!("{other:?}"),
        }
    }
}
