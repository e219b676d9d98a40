//! From events to the rows beside the log.

use crate::engine::event::{Decision, Event, Recorded};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::state::RunState;
use crate::store::{GateRow, GateState};

/// The gates that these events opened or closed. `state` has them applied.
pub(super) fn gates(run_id: &RunId, state: &RunState, events: &[Recorded]) -> Vec<GateRow> {
    let mut rows: Vec<GateRow> = Vec::new();
    for recorded in events {
        let (step, outcome) = match &recorded.event {
            Event::GateOpened { step, .. } => (step, GateState::Open),
            Event::GateDecided {
                step,
                decision: Decision::Approve,
                ..
            } => (step, GateState::Approved),
            Event::GateDecided {
                step,
                decision: Decision::Reject,
                ..
            } => (step, GateState::Rejected),
            Event::GateExpired { step, .. } => (step, GateState::Expired),
            Event::StepCancelled { step } => (step, GateState::Closed),
            Event::RunStarted { .. }
            | Event::RunAdmitted
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCompensating { .. }
            | Event::RunReopened { .. }
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
            | Event::StepCompleted { .. }
            | Event::StepFailed { .. }
            | Event::StepSkipped { .. }
            | Event::RunCancelling { .. }
            | Event::RunFinished { .. } => continue,
        };
        let opened_seq = matches!(outcome, GateState::Open).then_some(recorded.seq);
        if let Some(row) = gate_row(run_id, state, step, outcome, opened_seq) {
            // One row a gate: the last word of the turn counts, the place of the question stays.
            match rows.iter_mut().find(|earlier| earlier.id == row.id) {
                Some(earlier) => earlier.state = row.state,
                None => rows.push(row),
            }
        }
    }
    rows
}

fn gate_row(
    run_id: &RunId,
    state: &RunState,
    step: &StepPath,
    outcome: GateState,
    opened_seq: Option<u32>,
) -> Option<GateRow> {
    let gate = state.step(step)?.gate.as_ref()?;
    Some(GateRow {
        id: gate.id.clone(),
        run_id: run_id.clone(),
        step_id: step.clone(),
        state: outcome,
        // Kept by the store for a gate that it knows.
        opened_seq: opened_seq.unwrap_or_default(),
        opened_at: gate.opened_at,
        deadline: gate.deadline,
    })
}
