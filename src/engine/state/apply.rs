//! The fold: what each event changes. Total, because what is in the log has happened.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Cancelling, Compensating, EdgeState, End, FrameEnd, Paused, RunState, StepStatus};
use crate::engine::bounds::json_bytes;
use crate::engine::event::{Event, Recorded, Resolution, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;
use crate::engine::time::Timestamp;

impl RunState {
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        self.tally.value_bytes += value_bytes(&recorded.event);
        match &recorded.event {
            Event::RunStarted {
                input,
                actor,
                deadline,
                origin,
                kept,
                queued,
            } => {
                self.started_at = Some(recorded.at);
                self.input = Arc::new(input.clone());
                self.started_by = actor.clone();
                self.deadline = *deadline;
                self.origin = origin.clone();
                self.kept = kept.clone();
                self.queued = *queued;
            }
            Event::RunAdmitted => self.queued = false,
            Event::RunPaused { actor, comment } => {
                self.paused = Some(Paused {
                    actor: actor.clone(),
                    comment: comment.clone(),
                    at: recorded.at,
                });
            }
            Event::RunResumed { .. } => self.paused = None,
            Event::RunCompensating {
                step,
                reason,
                message,
                deadline,
            } => {
                self.compensating = Some(Compensating {
                    step: step.clone(),
                    reason: *reason,
                    message: message.clone(),
                    deadline: *deadline,
                });
            }
            Event::RunReopened {
                steps,
                deadline,
                queued,
                ..
            } => {
                self.queued = *queued;
                self.reopen(steps, *deadline);
            }
            Event::RunCancelling {
                actor,
                comment,
                deadline,
            } => {
                self.cancelling = Some(Cancelling {
                    actor: actor.clone(),
                    comment: comment.clone(),
                    deadline: *deadline,
                });
            }
            Event::RunFinished {
                state,
                reason,
                message,
                output,
            } => {
                self.finish(recorded.at);
                self.end = Some(End {
                    state: *state,
                    reason: *reason,
                    message: message.clone(),
                    output: output.clone(),
                });
            }
            Event::StepQueued { step, .. }
            | Event::MapStarted { step, .. }
            | Event::IterationStarted { step, .. }
            | Event::IterationEnded { step, .. }
            | Event::WaitStarted { step, .. }
            | Event::PollMissed { step, .. }
            | Event::SkipPlanned { step, .. }
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
            | Event::StepCancelled { step } => self.apply_to_step(step, recorded),
        }
    }

    fn apply_to_step(&mut self, path: &StepPath, recorded: &Recorded) {
        // A step that the outline does not know can only come from a log of another version; the rest of the log
        // still folds.
        let Some(step) = self.find(path) else {
            return;
        };
        let event = &recorded.event;
        if let Event::IterationStarted { index, .. } = event
            && let Some(body) = self.outline.body_inside(self.steps[step].shape)
        {
            self.open_frame(body, Some(step), *index);
        }
        if let Event::IterationEnded { index, error, .. } = event
            && let Some(&frame) = self.steps[step].frames.get(*index as usize)
        {
            self.frames[frame].end = Some(match error {
                Some(error) => FrameEnd::Failed(Box::new(error.clone())),
                None => FrameEnd::Done,
            });
        }
        if let Event::StepCompleted { kept: true, .. } = event {
            self.kept.remove(path);
        }
        if let Event::StepCompleted { kept: false, .. } | Event::StepFailed { happened: true, .. } =
            event
        {
            self.note_done(step);
        }
        if let Event::OutcomeResolved { resolution, .. } = event
            && *resolution == Resolution::DidNot
            && !self.steps[step].has_succeeded()
        {
            self.undoable.retain(|done| *done != step);
        }
        self.change(step, |run| {
            run.apply(recorded.at, &recorded.event)
                .map(<[usize]>::to_vec)
        });
    }

    /// What can be undone is kept in the order in which it was done; what was done again, where it was done last.
    fn note_done(&mut self, step: usize) {
        if self.outline.undone_by(self.steps[step].shape).is_none() {
            return;
        }
        if self.reopened > 0 {
            self.undoable.retain(|done| *done != step);
        }
        self.undoable.push(step);
    }

    /// Changes a step, and everything that is counted of it. The answer names the ways that lead on, if it has ended.
    fn change(
        &mut self,
        step: usize,
        change: impl FnOnce(&mut super::StepRun) -> Option<Vec<usize>>,
    ) {
        self.tally.remove(&self.outline, step, &self.steps[step]);
        let was_open = !self.steps[step].status.is_terminal();
        let taken = change(Arc::make_mut(&mut self.steps[step]));
        let run = &self.steps[step];
        self.tally.add(&self.outline, step, run);
        let (shape, frame) = (run.shape, run.frame);
        let is_open = !run.status.is_terminal();
        if self.outline.steps[shape].undoes.is_none() {
            match (was_open, is_open) {
                (true, false) => self.frames[frame].open -= 1,
                (false, true) => self.frames[frame].open += 1,
                (true, true) | (false, false) => {}
            }
        }
        if let Some(taken) = taken {
            let outline = Arc::clone(&self.outline);
            // In a set: one step may lead to ten thousand.
            let mut ways = BTreeSet::new();
            for edge in taken {
                ways.insert(edge);
            }
            for &edge in outline.outgoing(shape) {
                let state = if ways.contains(&edge) {
                    EdgeState::Taken
                } else {
                    EdgeState::NotTaken
                };
                self.set_edge(frame, edge, state);
            }
        }
    }

    fn reopen(&mut self, paths: &[StepPath], deadline: Option<Timestamp>) {
        self.end = None;
        self.finished_at = None;
        self.cancelling = None;
        self.deadline = deadline;
        self.reopened += 1;
        for run in &mut self.steps {
            if run.skipped == Some(SkipReason::NothingToUndo) {
                let run = Arc::make_mut(run);
                run.status = StepStatus::Pending;
                run.skipped = None;
            }
        }
        let steps: Vec<usize> = paths.iter().filter_map(|path| self.find(path)).collect();
        for step in steps {
            self.change(step, |run| {
                run.reopen();
                None
            });
            let (shape, frame) = (self.steps[step].shape, self.steps[step].frame);
            let outline = Arc::clone(&self.outline);
            for &edge in outline.outgoing(shape) {
                self.set_edge(frame, edge, EdgeState::Open);
            }
            self.reopen_iteration(frame);
        }
    }

    /// An iteration in which something is done again has not ended.
    fn reopen_iteration(&mut self, frame: usize) {
        let Some(owner) = self.frames[frame].owner else {
            return;
        };
        let Some(end) = self.frames[frame].end.take() else {
            return;
        };
        let failed = matches!(end, FrameEnd::Failed(_));
        self.change(owner, |run| {
            run.ended -= 1;
            run.failed -= u32::from(failed);
            run.show_progress();
            None
        });
    }

    /// What would only have undone something is over with the run.
    fn finish(&mut self, at: Timestamp) {
        self.finished_at = Some(at);
        if !self.outline.undoes_anything() {
            return;
        }
        for step in 0..self.steps.len() {
            let run = &self.steps[step];
            if run.status == StepStatus::Pending && self.outline.steps[run.shape].undoes.is_some() {
                let run = Arc::make_mut(&mut self.steps[step]);
                run.status = StepStatus::Skipped;
                run.skipped = Some(SkipReason::NothingToUndo);
            }
        }
    }
}

/// What the event adds to the values that the log holds. Sentences of people and progress have bounds of their own.
pub(in crate::engine) fn value_bytes(event: &Event) -> u64 {
    let error_bytes = |error: &Option<StepError>| error.as_ref().map_or(0, StepError::value_bytes);
    let bytes = match event {
        Event::RunStarted { input, kept, .. } => {
            json_bytes(input) + kept.values().map(json_bytes).sum::<usize>()
        }
        Event::MapStarted { items, .. } => items.iter().map(json_bytes).sum(),
        Event::AttemptStarted { input, .. } => json_bytes(input),
        Event::GateOpened { question, .. } => {
            let shown = question.shown.iter().map(|shown| json_bytes(&shown.value));
            let action = question.action.as_ref();
            shown.sum::<usize>() + action.map_or(0, |action| json_bytes(&action.input))
        }
        Event::StepCompleted { output, .. } | Event::RunFinished { output, .. } => {
            json_bytes(output)
        }
        Event::AttemptFailed { error, .. } | Event::StepFailed { error, .. } => error.value_bytes(),
        Event::IterationEnded { error, .. } | Event::PollMissed { error, .. } => error_bytes(error),
        Event::RunAdmitted
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::RunCompensating { .. }
        | Event::RunReopened { .. }
        | Event::RunCancelling { .. }
        | Event::StepQueued { .. }
        | Event::IterationStarted { .. }
        | Event::WaitStarted { .. }
        | Event::SkipPlanned { .. }
        | Event::AttemptProgressed { .. }
        | Event::AttemptInterrupted { .. }
        | Event::OutcomeUnknown { .. }
        | Event::OutcomeResolved { .. }
        | Event::GateDecided { .. }
        | Event::GateExpired { .. }
        | Event::StepSkipped { .. }
        | Event::StepCancelled { .. } => 0,
    };
    bytes as u64
}
