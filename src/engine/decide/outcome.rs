//! How a step ends: completed, failed, taken over from another run; and which ways lead on from there.

use serde_json::{Value, json};

use super::Deciding;
use crate::engine::bounds;
use crate::engine::event::Event;
use crate::engine::failure::StepError;
use crate::engine::limits::RUN_VALUE_BYTES_MAX;
use crate::engine::state::EdgeState;
use crate::engine::workflow::{EdgeTrigger, ErrorPolicy};

/// The error of a step for whose value the run has no room. It ends the run, whatever the step's error policy says.
const RUN_FULL: &str = "too_much_data";

impl Deciding<'_> {
    pub(super) fn complete(&mut self, step: usize, output: Value) {
        match self.check_output(&output) {
            Ok(()) => self.complete_by(step, output, None, false),
            // Nobody works on with what an undo gives; that it has undone something must not be lost.
            Err(error) if self.is_undo(step) => {
                let stand_in = json!({ "left_out": error.message });
                self.complete_by(step, stand_in, None, false);
            }
            Err(error) => self.fail_done(step, error),
        }
    }

    /// Whether the log takes the output.
    fn check_output(&self, output: &Value) -> Result<(), StepError> {
        bounds::check(output)
            .map_err(|why| StepError::new("output_too_large", format!("the output {why}")))?;
        self.check_room_for(bounds::json_bytes(output))
    }

    /// Completes a gate that was rejected and has a way on for it.
    pub(super) fn complete_rejected(&mut self, step: usize, output: Value) {
        self.complete_by(step, output, Some(EdgeTrigger::Rejected), false);
    }

    /// The step has been done in the run that this one was forked from.
    pub(super) fn complete_kept(&mut self, step: usize, output: Value) {
        self.complete_by(step, output, None, true);
    }

    fn complete_by(
        &mut self,
        step: usize,
        output: Value,
        trigger: Option<EdgeTrigger>,
        kept: bool,
    ) {
        match self.taken_edges(step, &output, trigger) {
            Ok(taken) => {
                let path = self.path(step);
                self.emit(Event::StepCompleted {
                    step: path,
                    output,
                    taken,
                    kept,
                });
                self.step_ended(step);
            }
            Err(message) => self.fail_done(step, StepError::new("condition_failed", message)),
        }
    }

    /// Whether the log may grow by a value of that size. What ends a run has as much room again, so that a full run can
    /// still be undone, and what its tools say while they are stopped is not lost.
    pub(super) fn check_room_for(&self, bytes: usize) -> Result<(), StepError> {
        let max = if self.is_stopping() {
            2 * RUN_VALUE_BYTES_MAX
        } else {
            RUN_VALUE_BYTES_MAX
        };
        if self.state.value_bytes() + bytes as u64 <= max {
            return Ok(());
        }
        let message = format!(
            "the run's values together would be larger than {RUN_VALUE_BYTES_MAX} bytes, and retrying cannot change that: keep large results as artifacts, or split the work over several runs"
        );
        Err(StepError::new(RUN_FULL, message))
    }

    /// The error with its data, if there is room for that.
    pub(super) fn fitting(&self, error: StepError) -> StepError {
        let error = error.within_bounds();
        match self.check_room_for(error.value_bytes()) {
            Ok(()) => error,
            Err(_) => StepError {
                data: None,
                ..error
            },
        }
    }

    /// The step has failed for good: the run goes on or fails, as the step's ways and its error policy say.
    pub(super) fn fail(&mut self, step: usize, error: StepError) {
        self.fail_having(false, step, error);
    }

    /// As `fail`, of a step whose work is done and only what it gave cannot be kept. What took place outside is undone
    /// with the rest, and not made a second time unasked.
    fn fail_done(&mut self, step: usize, error: StepError) {
        self.fail_having(self.changes_something(step), step, error);
    }

    fn fail_having(&mut self, happened: bool, step: usize, error: StepError) {
        let error = self.fitting(error);
        if self.is_undo(step) {
            return self.undo_failed(step, error);
        }
        self.end_iterations_of(step);
        if self.is_stopping() {
            return self.end_failed(step, happened, error, Vec::new());
        }
        let policy = self.plan_step(step).on_error;
        if error.code == RUN_FULL {
            // Whatever came after it would find no room either, item by item.
            let undo = self.is_to_be_undone(step);
            self.end_failed(step, happened, error.clone(), Vec::new());
            return self.fail_run(step, &error, undo);
        }
        let value = error.as_value();
        let fallback = self.taken_edges(step, &value, Some(EdgeTrigger::Failed));
        let ways = match (fallback, policy) {
            (Ok(ways), _) if !ways.is_empty() => Ok(ways),
            (Ok(_), ErrorPolicy::Continue) => self.taken_edges(step, &value, None),
            (Ok(_), ErrorPolicy::Fail | ErrorPolicy::Compensate) => {
                self.end_failed(step, happened, error.clone(), Vec::new());
                return self.fail_frame(step, &error, policy == ErrorPolicy::Compensate);
            }
            (Err(message), _) => Err(message),
        };
        match ways {
            Ok(taken) => self.end_failed(step, happened, error, taken),
            Err(message) => {
                self.end_failed(step, happened, error, Vec::new());
                let error = StepError::new("condition_failed", message);
                self.fail_frame(step, &error, policy == ErrorPolicy::Compensate);
            }
        }
    }

    /// Does the step, or a map or loop around it, say that its failure is to be undone? Asked where the run ends whoever
    /// would catch the failure on its way out.
    fn is_to_be_undone(&self, step: usize) -> bool {
        let around = |&at: &usize| self.state.frames[self.state.steps[at].frame].owner;
        std::iter::successors(Some(step), around)
            .any(|at| self.plan_step(at).on_error == ErrorPolicy::Compensate)
    }

    fn end_failed(&mut self, step: usize, happened: bool, error: StepError, taken: Vec<usize>) {
        let path = self.path(step);
        self.emit(Event::StepFailed {
            step: path,
            error,
            taken,
            happened,
        });
        self.step_ended(step);
    }

    /// Did the failed step lead to its fallback?
    pub(super) fn fell_back(&self, step: usize) -> bool {
        let (shape, frame) = (self.shape(step), self.state.steps[step].frame);
        let outline = &self.plan.outline;
        outline.outgoing(shape).iter().any(|&edge| {
            outline.edges[edge].on == Some(EdgeTrigger::Failed)
                && self.state.edges[self.state.edge_in(frame, edge)] == EdgeState::Taken
        })
    }

    /// The outgoing edges that lead on: those without a condition, those whose condition holds, and the default
    /// one when none with a condition is among them.
    pub(super) fn taken_edges(
        &self,
        step: usize,
        value: &Value,
        trigger: Option<EdgeTrigger>,
    ) -> Result<Vec<usize>, String> {
        let outline = &self.plan.outline;
        let shape = self.shape(step);
        let own = self
            .names(step)
            .with_own(outline.steps[shape].id.as_str(), value);
        let mut taken = Vec::new();
        let mut conditional_taken = false;
        for &edge in outline.outgoing(shape) {
            let way = &outline.edges[edge];
            if way.on != trigger || way.default {
                continue;
            }
            match &self.plan.conditions[edge] {
                None => taken.push(edge),
                Some(condition) => {
                    if condition.holds(&own)? {
                        conditional_taken = true;
                        taken.push(edge);
                    }
                }
            }
        }
        if !conditional_taken {
            taken.extend(
                outline.outgoing(shape).iter().filter(|&&edge| {
                    outline.edges[edge].default && outline.edges[edge].on == trigger
                }),
            );
        }
        taken.sort_unstable();
        Ok(taken)
    }
}
