//! A case, played and compared: what was to come of it and what did.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

use super::case::{Case, Expect};
use super::{Intent, Refusal, Refused, Rehearsal, Unscripted};
use crate::engine::compile::{compile, problems_of_case};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::SkipReason;
use crate::engine::ids::StepPath;
use crate::engine::state::StepStatus;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Steps told about for one expectation: a map may have thousands that differ.
const MISMATCHES_PER_STEP_MAX: usize = 5;
/// Characters of a value in a sentence.
const VALUE_CHARS_MAX: usize = 200;

/// Something that is not as the case expects it. Its text is a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// None when it is about the run.
    pub step: Option<StepPath>,
    pub expected: String,
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "`{step}`")?,
            None => write!(f, "The run")?,
        }
        let end = if self.found.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        write!(f, " should {}, but {}{end}", self.expected, self.found)
    }
}

/// Why a case could not be played to where it is compared.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CaseError {
    #[error("the workflow does not compile: {}", super::sentences(.0))]
    DoesNotCompile(Vec<Diagnostic>),
    #[error("{}", super::sentences(.0))]
    Wrong(Vec<Diagnostic>),
    #[error("the run cannot be started: {0}")]
    NotStarted(Refusal),
    #[error("the run never ends: {}", .0.join("; "))]
    NeverEnds(Vec<String>),
    #[error("{0}")]
    TooLong(Refusal),
}

/// Plays the case on the workflow. Nothing in the answer: it holds.
pub fn check_case(
    workflow: &Workflow,
    catalogue: &Catalogue,
    case: &Case,
) -> Result<Vec<Mismatch>, CaseError> {
    let plan = compile(workflow, catalogue).map_err(CaseError::DoesNotCompile)?;
    let problems = problems_of_case(&plan.outline, case, "case");
    if !problems.is_empty() {
        return Err(CaseError::Wrong(problems));
    }
    let inputs = workflow.inputs.as_ref();
    let unscripted = Unscripted::default();
    let mut rehearsal = Rehearsal::of_plan(Arc::new(plan), inputs, &case.given, unscripted)
        .map_err(CaseError::NotStarted)?;
    let played = match case.expect.after_ms {
        Some(after_ms) => rehearsal.jump_to_ms(after_ms),
        None => rehearsal.run_to_the_end(),
    };
    played.map_err(CaseError::TooLong)?;
    let wants_an_end = match (case.expect.after_ms, case.expect.state) {
        (Some(_), _) => false,
        (None, Some(state)) => state.is_terminal(),
        (None, None) => true,
    };
    if wants_an_end && rehearsal.state.end.is_none() {
        return Err(CaseError::NeverEnds(rehearsal.waits_for()));
    }
    Ok(rehearsal.mismatches(&case.expect))
}

impl Rehearsal {
    /// What stands between a run that does not move any more and its end, in sentences without a full stop.
    pub fn waits_for(&self) -> Vec<String> {
        let refused = self.refused.iter().map(|refused| {
            let what = refused_act(refused);
            format!("{what} was refused: {}", refused.rejection)
        });
        let asked = self.asked().map(|ask| {
            let silent = match ask.intent {
                Intent::Never => ", which never comes",
                Intent::Open | Intent::Says { .. } | Intent::Stops { .. } => "",
            };
            format!("`{}` waits for {}{silent}", ask.step, ask.what.waits_for())
        });
        let paused = self.state.paused.as_ref();
        let paused = paused.map(|paused| format!("{} has paused it", paused.actor));
        let mut reasons: Vec<String> = refused.chain(paused).chain(asked).collect();
        if reasons.len() > MISMATCHES_PER_STEP_MAX {
            let more = reasons.len() - MISMATCHES_PER_STEP_MAX;
            reasons.truncate(MISMATCHES_PER_STEP_MAX);
            reasons.push(format!("and {more} more"));
        }
        reasons
    }

    fn mismatches(&self, expect: &Expect) -> Vec<Mismatch> {
        let mut found: Vec<Mismatch> = self.refused.iter().map(refusal).collect();
        self.compare_run(expect, &mut found);
        for (step, status) in &expect.steps {
            self.compare_step(step, *status, &mut found);
        }
        self.compare_calls(&expect.calls, &mut found);
        found
    }

    fn compare_run(&self, expect: &Expect, found: &mut Vec<Mismatch>) {
        let state = self.state.status();
        if let Some(expected) = expect.state
            && expected != state
        {
            found.push(Mismatch {
                step: None,
                expected: format!("be {}", expected.as_str()),
                found: format!("is {}{}", state.as_str(), self.why()),
            });
        }
        let reason = self.state.end.as_ref().and_then(|end| end.reason);
        if let Some(expected) = expect.reason
            && reason != Some(expected)
        {
            let has = match reason {
                Some(reason) => format!("its reason is {}{}", reason.as_str(), self.why()),
                None => format!("it is {} and has no reason", state.as_str()),
            };
            found.push(Mismatch {
                step: None,
                expected: format!("end with the reason {}", expected.as_str()),
                found: has,
            });
        }
        let Some(expected) = &expect.output else {
            return;
        };
        let output = self.state.end.as_ref().map(|end| &end.output);
        if output.is_some_and(|output| same(output, expected)) {
            return;
        }
        found.push(Mismatch {
            step: None,
            expected: format!("leave the output {}", shown(expected)),
            found: match output {
                None => format!("it is {} and has none", state.as_str()),
                Some(output) => match difference(expected, output, String::new()) {
                    Some((at, _, is)) if !at.is_empty() => {
                        format!("leaves {}, which differs at {at}: {}", shown(output), is)
                    }
                    Some(_) | None => format!("leaves {}", shown(output)),
                },
            },
        });
    }

    /// Why the run stands as it does, for the end of a sentence.
    fn why(&self) -> String {
        match &self.state.end {
            Some(end) => match &end.message {
                Some(message) => format!(": {message}"),
                None => String::new(),
            },
            None => match self.waits_for() {
                reasons if reasons.is_empty() => String::new(),
                reasons => format!(": {}", reasons.join("; ")),
            },
        }
    }

    fn compare_step(&self, step: &StepPath, expected: StepStatus, found: &mut Vec<Mismatch>) {
        let runs = self.runs_of(step);
        if runs.is_empty() {
            found.push(Mismatch {
                step: Some(step.clone()),
                expected: format!("be {}", in_words(expected)),
                found: "it never came to be: there was no such iteration".to_owned(),
            });
        }
        let others = runs
            .into_iter()
            .filter(|&run| self.state.steps[run].status != expected);
        found.extend(others.take(MISMATCHES_PER_STEP_MAX).map(|run| Mismatch {
            step: Some(self.state.path(run)),
            expected: format!("be {}", in_words(expected)),
            found: format!(
                "is {}{}",
                in_words(self.state.steps[run].status),
                self.because(run)
            ),
        }));
    }

    /// The steps that a path leads to, or that have this id.
    fn runs_of(&self, step: &StepPath) -> Vec<usize> {
        if let Some(found) = self.state.find(step) {
            return vec![found];
        }
        let Some(shape) = self.plan.outline.position(step.as_str()) else {
            return Vec::new();
        };
        let runs = self.state.steps.iter().enumerate();
        runs.filter(|(_, run)| run.shape == shape)
            .map(|(at, _)| at)
            .collect()
    }

    fn because(&self, run: usize) -> String {
        let run = &self.state.steps[run];
        match (&run.error, &run.skipped) {
            (Some(error), _) => format!(" ({}: {})", error.code, error.message),
            (None, Some(reason)) => format!(" ({})", skipped(reason)),
            (None, None) => String::new(),
        }
    }

    fn compare_calls(&self, expected: &BTreeMap<StepPath, u32>, found: &mut Vec<Mismatch>) {
        for (step, times) in expected {
            let is_meant = |made: &&StepPath| *made == step || made.last() == step.as_str();
            let made = self.attempts().filter(is_meant).count();
            if u32::try_from(made) != Ok(*times) {
                found.push(Mismatch {
                    step: Some(step.clone()),
                    expected: format!("be called {}", times_in_words(*times as usize)),
                    found: format!("was called {}", times_in_words(made)),
                });
            }
        }
    }
}

fn refusal(refused: &Refused) -> Mismatch {
    Mismatch {
        step: refused.step.clone(),
        expected: format!("take the `{}` of the case", refused.word),
        found: format!(
            "after {} ms it was refused: {}",
            refused.after_ms, refused.rejection
        ),
    }
}

fn refused_act(refused: &Refused) -> String {
    match &refused.step {
        Some(step) => format!("the `{}` of `{step}`", refused.word),
        None => format!("the `{}`", refused.word),
    }
}

fn in_words(status: StepStatus) -> String {
    status.as_str().replace('_', " ")
}

fn times_in_words(times: usize) -> String {
    match times {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

fn skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::BranchNotTaken { at } => format!("another branch was taken at `{at}`"),
        SkipReason::UpstreamFailed { at } => format!("`{at}` did not succeed"),
        SkipReason::UpstreamSkipped { at } => format!("`{at}` was skipped"),
        SkipReason::RunEnded => "the run ended first".to_owned(),
        SkipReason::ByHand { actor, .. } => format!("{actor} skipped it"),
        SkipReason::NothingToUndo => "there was nothing to undo".to_owned(),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((cut, _)) => format!("{} …", &text[..cut]),
        None => text,
    }
}

/// As JSON: `1` and `1.0` are one number, and the order of fields does not matter.
fn same(one: &Value, other: &Value) -> bool {
    difference(one, other, String::new()).is_none()
}

/// The first place in which two values differ, as a JSON pointer, and what stands there in each.
pub(super) fn difference(
    expected: &Value,
    found: &Value,
    at: String,
) -> Option<(String, String, String)> {
    let differ = |at: String| Some((at, shown(expected), shown(found)));
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one
                .keys()
                .chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let at = format!("{at}/{name}");
                match (one.get(name), other.get(name)) {
                    (Some(expected), Some(found)) => {
                        if let Some(place) = difference(expected, found, at) {
                            return Some(place);
                        }
                    }
                    (Some(expected), None) => {
                        return Some((at, shown(expected), "it is not there".to_owned()));
                    }
                    (None, found) => {
                        let found = found.map(shown).unwrap_or_default();
                        return Some((at, "nothing".to_owned(), format!("{found} is too much")));
                    }
                }
            }
            None
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            let mut places =
                pairs.filter_map(|(index, (a, b))| difference(a, b, format!("{at}/{index}")));
            places.next()
        }
        (Value::Number(one), Value::Number(other)) => {
            let equal = one == other || one.as_f64() == other.as_f64() && !both_whole(one, other);
            if equal { None } else { differ(at) }
        }
        (one, other) => {
            if one == other {
                None
            } else {
                differ(at)
            }
        }
    }
}

/// Large whole numbers may differ where their nearest fractions do not.
fn both_whole(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    !one.is_f64() && !other.is_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outputs_are_compared_as_json() {
        for (one, other) in [
            (json!(1), json!(1.0)),
            (
                json!({ "a": 1, "b": [null] }),
                json!({ "b": [null], "a": 1 }),
            ),
        ] {
            assert!(same(&one, &other), "{one} {other}");
        }
        for (one, other, place) in [
            (json!(1), json!("1"), ""),
            (json!({ "a": [1, 2] }), json!({ "a": [1, 3] }), "/a/1"),
            (json!({ "a": 1 }), json!({}), "/a"),
            (json!({}), json!({ "b": null }), "/b"),
            (json!([1]), json!([1, 2]), ""),
            (json!(u64::MAX), json!(u64::MAX - 1), ""),
        ] {
            let (at, _, _) = difference(&one, &other, String::new()).expect("they differ");
            assert_eq!(at, place, "{one} {other}");
        }
    }
}
