//! What is inside a step's details: its attempts, what went in and what came out, its files, and what can be done to it.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use super::acts::{StepActs, StepActsForm};
use super::origins::Origins;
use super::{Asks, Viewer, files};
use crate::engine::event::Performer;
use crate::engine::ids::StepPath;
use crate::engine::state::{Attempt, AttemptOutcome, StepRun};
use crate::ui::components::ValueView;
use crate::ui::format;
use crate::ui::parts::apart;

/// The step, what can be done to it, its path, and whether somebody looks.
type OfStep = (
    Viewer,
    Memo<Arc<StepRun>>,
    Memo<StepActs>,
    String,
    Signal<bool>,
);

apart!(acts, INSIDE: OfStep => |(viewer, step, acts, path, is_open)| view! { <Inside viewer step acts path is_open /> }.into_any());

#[component]
fn Inside(
    viewer: Viewer,
    step: Memo<Arc<StepRun>>,
    acts: Memo<StepActs>,
    path: String,
    is_open: Signal<bool>,
) -> impl IntoView {
    let attempts = Memo::new(move |_| step.with(|step| step.attempts.clone()));
    let output = Memo::new(move |_| step.with(|step| step.output.clone().filter(tells_something)));
    let path = StoredValue::new(path);
    let files = move || match viewer.asks {
        Asks::Server(forms) => attempts.with(|list| {
            let path = StepPath::new(path.get_value());
            files::of_step(
                forms.get_value(),
                &path,
                list.last().map(|made| &made.input),
            )
        }),
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    // A file that has just been left is found when somebody looks.
    Effect::new(move || {
        if let (Asks::Server(forms), true) = (viewer.asks, is_open.get()) {
            files::fetch(viewer, forms.get_value());
        }
    });
    let is_live = matches!(viewer.asks, Asks::Server(_));
    let acts_form = move || match viewer.asks {
        Asks::Server(forms) => {
            let forms = forms.get_value();
            Some(view! { <StepActsForm viewer forms acts step_id=path.get_value() /> }.into_any())
        }
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    let made = move || {
        attempts.with(|list| {
            let log = |made: &Attempt| match viewer.asks {
                // That of the last one stands above.
                Asks::Server(forms) if list.len() > 1 => {
                    let forms = forms.get_value();
                    let (run_id, path) = (forms.run_id.get_value(), path.get_value());
                    forms.logs.download(&run_id, &path, made)
                }
                Asks::Server(_) | Asks::Rehearser(_) | Asks::Nobody(_) => None,
            };
            let row = |made| attempt_row(made, is_live, log(made));
            let rows: Vec<_> = list.iter().map(row).collect();
            (!rows.is_empty())
                .then(|| view! { <h4>"Attempts"</h4><ol class="attempts">{rows}</ol> })
        })
    };
    let input =
        Memo::new(move |_| attempts.with(|list| list.last().map(|attempt| attempt.input.clone())));
    let input = move || {
        let input = input.get().filter(tells_something)?;
        Some(view! { <h4>"Input"</h4><ValueView value=input watched=true /> })
    };
    let output = move || {
        let output = output.get()?;
        Some(view! { <h4>"Output"</h4><ValueView value=output watched=true /> })
    };
    let origins = match viewer.asks {
        Asks::Server(forms) => {
            let (forms, path) = (forms.get_value(), StepPath::new(path.get_value()));
            Some(view! { <Origins viewer forms path is_open /> })
        }
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    view! {
        {made}
        {input}
        {origins}
        {output}
        {files}
        {acts_form()}
    }
}

/// An empty record tells nobody anything.
pub(super) fn tells_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    }
}

fn attempt_row(attempt: &Attempt, is_live: bool, log: Option<String>) -> impl IntoView + use<> {
    let outcome = match &attempt.outcome {
        AttemptOutcome::Running => "running".to_owned(),
        AttemptOutcome::Succeeded => "succeeded".to_owned(),
        AttemptOutcome::Failed { error } => format!("failed: {}", error.message),
        AttemptOutcome::Interrupted => "interrupted: the server stopped; made again".to_owned(),
        AttemptOutcome::Unknown { message } => format!("outcome unknown: {message}"),
        AttemptOutcome::Missed { error: None } => "not yet what it waits for".to_owned(),
        AttemptOutcome::Missed { error: Some(error) } => format!("no answer: {}", error.message),
        AttemptOutcome::Stopped => "stopped".to_owned(),
    };
    let took = attempt
        .finished_at
        .map(|at| format::duration(at.ms_since(attempt.started_at)));
    let run = match &attempt.by {
        Performer::Run { run_id } if is_live => {
            Some(view! { " " <a href=format!("/runs/{run_id}")>"Its run"</a> })
        }
        Performer::Run { .. } | Performer::Tool | Performer::Outside => None,
    };
    let log = log.map(|href| view! { " " <a href=href rel="external" download="">"Its log"</a> });
    view! { <li>{outcome} " " <span class="muted">{took}</span> {run} {log}</li> }
}
