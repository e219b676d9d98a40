//! What happened, in a sentence for each event.

use crate::engine::event::{Event, Recorded, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;
use crate::engine::workflow::StepKind;
use crate::ui::format;

/// `“Check the host” (Each 3) has failed: nobody answers.`
pub fn told(recorded: &Recorded, outline: &Outline) -> String {
    let Told { what, words } = read(recorded, outline);
    match words.is_empty() {
        true => what,
        false => format!("{what}: {words}"),
    }
}

/// The same without what somebody or something said to it.
pub fn briefly(recorded: &Recorded, outline: &Outline) -> String {
    read(recorded, outline).what
}

/// What happened, and what was said to it.
struct Told {
    what: String,
    words: String,
}

impl From<&str> for Told {
    fn from(what: &str) -> Self {
        said(what.to_owned(), "")
    }
}

impl From<String> for Told {
    fn from(what: String) -> Self {
        said(what, "")
    }
}

fn said(what: String, words: &str) -> Told {
    Told {
        what,
        words: words.to_owned(),
    }
}

fn read(recorded: &Recorded, outline: &Outline) -> Told {
    match &recorded.event {
        Event::RunStarted { actor, .. } => format!("Started by {actor}").into(),
        Event::RunAdmitted => "The run's turn has come".into(),
        Event::RunPaused { actor, comment } => said(format!("Paused by {actor}"), comment),
        Event::RunResumed { actor, comment } => said(format!("Resumed by {actor}"), comment),
        Event::RunCompensating { message, .. } => {
            said("What was done is undone".to_owned(), message)
        }
        Event::RunReopened { actor, comment, .. } => {
            said(format!("What failed is retried by {actor}"), comment)
        }
        Event::RunCancelling { actor, comment, .. } => {
            said(format!("Cancelled by {actor}"), comment)
        }
        Event::RunFinished { state, message, .. } => {
            let end = match state {
                crate::engine::event::EndState::Completed => "The run has completed",
                crate::engine::event::EndState::Failed => "The run has failed",
                crate::engine::event::EndState::Cancelled => "The run is cancelled",
            };
            said(end.to_owned(), message.as_deref().unwrap_or_default())
        }
        Event::MapStarted { step, .. }
        | Event::IterationStarted { step, .. }
        | Event::IterationEnded { step, .. }
        | Event::WaitStarted { step, .. }
        | Event::PollMissed { step, .. }
        | Event::SkipPlanned { step, .. }
        | Event::StepQueued { step, .. }
        | Event::AttemptStarted { step, .. }
        | Event::AttemptProgressed { step, .. }
        | Event::AttemptFailed { step, .. }
        | Event::AttemptInterrupted { step, .. }
        | Event::OutcomeUnknown { step, .. }
        | Event::OutcomeResolved { step, .. }
        | Event::GateOpened { step, .. }
        | Event::GateDecided { step, .. }
        | Event::GateExpired { step, .. }
        | Event::StepCompleted { step, .. }
        | Event::StepFailed { step, .. }
        | Event::StepSkipped { step, .. }
        | Event::StepCancelled { step } => {
            let Told { what, words } = of_step(&recorded.event, step, outline);
            said(format!("{} {what}", named(step, outline)), &words)
        }
    }
}

fn named(step: &StepPath, outline: &Outline) -> String {
    let shape = outline.position(step.last());
    let name = shape.map_or(step.as_str(), |at| outline.steps[at].name.as_str());
    match format::iterations(step) {
        Some(inside) => format!("“{name}” ({inside})"),
        None => format!("“{name}”"),
    }
}

fn of_step(event: &Event, step: &StepPath, outline: &Outline) -> Told {
    match event {
        Event::StepQueued {
            waits_for: None, ..
        } => "waits for room in its run".into(),
        Event::StepQueued {
            waits_for: Some(room),
            ..
        } => said("waits for its turn".to_owned(), room),
        Event::MapStarted { items, .. } => {
            let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
            format!("goes through {}", format::counted(count, "item")).into()
        }
        Event::IterationStarted { index, .. } => {
            format!("begins {} {}", iteration(step, outline), index + 1).into()
        }
        Event::IterationEnded {
            index, error: None, ..
        } => format!("has done {} {}", iteration(step, outline), index + 1).into(),
        Event::IterationEnded {
            index,
            error: Some(error),
            ..
        } => {
            let what = iteration(step, outline);
            said(
                format!("has failed with {what} {}", index + 1),
                &error.message,
            )
        }
        Event::WaitStarted { until, .. } => format!("waits until {}", format::utc(*until)).into(),
        Event::PollMissed { error: None, .. } => {
            "has not found what it waits for, and asks again later".into()
        }
        Event::PollMissed {
            error: Some(error), ..
        } => said(
            "got no answer, and asks again later".to_owned(),
            &error.message,
        ),
        Event::SkipPlanned { actor, comment, .. } => {
            said(format!("will be skipped, says {actor}"), comment)
        }
        Event::AttemptStarted { attempt: 1, .. } => "has started".into(),
        Event::AttemptStarted { attempt, .. } => format!("has started, attempt {attempt}").into(),
        Event::AttemptProgressed { percent, doing, .. } => {
            said(format!("is at {percent} %"), doing)
        }
        Event::AttemptFailed { attempt, error, .. } => said(
            format!("has failed in attempt {attempt} and is tried again"),
            &error.message,
        ),
        Event::AttemptInterrupted { .. } => {
            "was interrupted when the server stopped, and is made again".into()
        }
        Event::OutcomeUnknown { message, .. } => said("has an unknown outcome".to_owned(), message),
        Event::OutcomeResolved {
            resolution,
            actor,
            comment,
            ..
        } => {
            let found = match resolution {
                Resolution::Happened => "has happened",
                Resolution::DidNot => "has not happened",
                Resolution::Retry => "is to be done again",
            };
            said(format!("{found}, says {actor}"), comment)
        }
        Event::GateOpened { .. } => "asks somebody".into(),
        Event::GateDecided {
            decision,
            actor,
            comment,
            ..
        } => said(format!("is {} by {actor}", decision.past_tense()), comment),
        Event::GateExpired { .. } => "was not answered in time".into(),
        Event::StepCompleted { kept: true, .. } => "was done in the run before".into(),
        Event::StepCompleted { .. } => "has completed".into(),
        Event::StepFailed { error, .. } => said("has failed".to_owned(), &error.message),
        Event::StepSkipped { reason, .. } => said(
            "is skipped".to_owned(),
            &format::skip_reason(reason, outline),
        ),
        Event::StepCancelled { .. } => "is cancelled".into(),
        // What is not about a step has been told by then.
        Event::RunStarted { .. }
        | Event::RunAdmitted
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::RunCompensating { .. }
        | Event::RunReopened { .. }
        | Event::RunCancelling { .. }
        | Event::RunFinished { .. } => "".into(),
    }
}

fn iteration(step: &StepPath, outline: &Outline) -> &'static str {
    let is_map = outline
        .position(step.last())
        .is_some_and(|at| outline.steps[at].kind == StepKind::Map);
    if is_map { "item" } else { "round" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_event_is_told() {
        let logs = [
            (
                include_str!("../../../engine/golden/outline.json"),
                include_str!("../../../engine/golden/log.jsonl"),
            ),
            (
                include_str!("../../../engine/golden/bodies.outline.json"),
                include_str!("../../../engine/golden/bodies.log.jsonl"),
            ),
            (
                include_str!("../../../engine/golden/retried.outline.json"),
                include_str!("../../../engine/golden/retried.log.jsonl"),
            ),
        ];
        for (outline, log) in logs {
            let outline: Outline = serde_json::from_str(outline).expect("an outline");
            for line in log.lines() {
                let event: Recorded = serde_json::from_str(line).expect("an event");
                let told = told(&event, &outline);
                assert!(told.len() > 8 && !told.ends_with(' '), "{line}: {told:?}");
                if let Some(step) = event.event.step() {
                    let shape = outline.position(step.last()).expect("the step");
                    assert!(told.contains(&outline.steps[shape].name), "{told}");
                }
            }
        }
    }
}
