//! A run as a program is told of it: without its steps. Made of the whole log, or of the turns as they are committed, so
//! that whoever starts a run and waits for it costs the database no reading.

use serde_json::Value;

use super::RunRecord;
use crate::driver::Committed;
use crate::engine::event::{Event, Origin};
use crate::engine::summary::RunSummary;

#[derive(Clone, Debug, PartialEq)]
pub struct RunCard {
    pub summary: RunSummary,
    pub input: Value,
    /// Null until the run has ended.
    pub output: Value,
    /// What it goes back to: another run, or a trigger.
    pub origin: Option<Origin>,
}

impl RunCard {
    pub fn of(record: &RunRecord) -> Self {
        let state = record.state();
        Self {
            summary: RunSummary::of(&record.header, &state),
            output: state.end.map(|end| end.output).unwrap_or_default(),
            origin: state.origin,
            input: std::sync::Arc::unwrap_or_clone(state.input),
        }
    }

    /// Of a run's first turn.
    pub(super) fn beginning(turn: &Committed) -> Self {
        let mut card = Self {
            summary: RunSummary::clone(&turn.summary),
            input: Value::Null,
            output: Value::Null,
            origin: None,
        };
        card.follow(turn);
        card
    }

    /// The next turn of the same run.
    pub(super) fn follow(&mut self, turn: &Committed) {
        self.summary = RunSummary::clone(&turn.summary);
        for recorded in turn.events.iter() {
            match &recorded.event {
                Event::RunStarted { input, origin, .. } => {
                    self.input = input.clone();
                    self.origin = origin.clone();
                }
                Event::RunFinished { output, .. } => self.output = output.clone(),
                Event::RunReopened { .. } => self.output = Value::Null,
                Event::RunAdmitted
                | Event::RunPaused { .. }
                | Event::RunResumed { .. }
                | Event::RunCompensating { .. }
                | Event::RunCancelling { .. }
                | Event::MapStarted { .. }
                | Event::IterationStarted { .. }
                | Event::IterationEnded { .. }
                | Event::WaitStarted { .. }
                | Event::PollMissed { .. }
                | Event::SkipPlanned { .. }
                | Event::StepQueued { .. }
                | Event::AttemptStarted { .. }
                | Event::AttemptProgressed { .. }
                | Event::AttemptFailed { .. }
                | Event::AttemptInterrupted { .. }
                | Event::OutcomeUnknown { .. }
                | Event::OutcomeResolved { .. }
                | Event::GateOpened { .. }
                | Event::GateDecided { .. }
                | Event::GateExpired { .. }
                | Event::StepCompleted { .. }
                | Event::StepFailed { .. }
                | Event::StepSkipped { .. }
                | Event::StepCancelled { .. } => {}
            }
        }
    }
}
