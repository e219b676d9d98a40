//! From "these steps have ended" to "nothing more can happen by itself": starts what may start, skips what will not
//! run, decides pure steps on the spot, and ends the run when every step has ended. No level barriers: each step
//! looks at its own predecessors only.

use serde_json::{Value, json};

use super::{Deciding, Todo};
use crate::engine::binding::Binding;
use crate::engine::bounds;
use crate::engine::event::{EndReason, EndState, Event, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::fork::takes_over;
use crate::engine::plan::Work;
use crate::engine::state::{EdgeState, StepStatus};
use crate::engine::workflow::JoinRule;

/// What the predecessors say about a step.
#[derive(Debug, PartialEq)]
enum Readiness {
    NotYet,
    Run,
    Skip(SkipReason),
}

/// What one incoming edge says.
enum Arrival {
    Open,
    Success,
    Failed(usize),
    /// The way here was not taken, and why.
    Closed(SkipReason),
}

impl Deciding<'_> {
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(todo) = self.todo.pop_front() {
                match todo {
                    Todo::Step(step) => self.consider(step),
                    Todo::Frame(frame) => self.end_iteration(frame),
                    Todo::Next(owner) => self.iterate(owner),
                }
            }
            if !self.start_queued() && !self.undo_next() {
                break;
            }
        }
        self.end_if_done();
    }

    fn consider(&mut self, step: usize) {
        if self.is_quiet() || self.state.steps[step].status != StepStatus::Pending {
            return;
        }
        match self.readiness(step) {
            Readiness::NotYet => {}
            Readiness::Run => self.start(step),
            Readiness::Skip(reason) => {
                let path = self.path(step);
                self.emit(Event::StepSkipped {
                    step: path,
                    reason,
                    taken: Vec::new(),
                });
                self.step_ended(step);
            }
        }
    }

    /// Whoever comes after the step is looked at again, and its frame if that was the last one.
    pub(super) fn step_ended(&mut self, step: usize) {
        let (shape, frame) = (self.shape(step), self.state.steps[step].frame);
        let outline = &self.plan.outline;
        for &edge in outline.outgoing(shape) {
            if let Some(next) = self.state.in_frame(frame, outline.edges[edge].to) {
                self.todo.push_back(Todo::Step(next));
            }
        }
        if self.state.frames[frame].open == 0 && frame != 0 {
            self.todo.push_back(Todo::Frame(frame));
        }
    }

    fn readiness(&self, step: usize) -> Readiness {
        let (shape, frame) = (self.shape(step), self.state.steps[step].frame);
        let rule = self.plan.steps[shape].work.join_rule();
        // Before all its edges are looked at: ten thousand predecessors each ask once.
        if rule != JoinRule::OneSuccess && self.state.to_come[step] > 0 {
            return Readiness::NotYet;
        }
        let (mut open, mut successes, mut arrivals) = (0usize, 0usize, 0usize);
        let mut failed = None;
        let mut closed = None;
        for &edge in self.plan.outline.incoming(shape) {
            arrivals += 1;
            match self.arrival(frame, edge) {
                Arrival::Open => open += 1,
                Arrival::Success => successes += 1,
                Arrival::Failed(from) => failed = failed.or(Some(from)),
                Arrival::Closed(reason) => closed = closed.or(Some(reason)),
            }
        }
        if rule == JoinRule::OneSuccess && successes > 0 {
            return Readiness::Run;
        }
        if open > 0 {
            return Readiness::NotYet;
        }
        let upstream_failed = failed.map(|from| SkipReason::UpstreamFailed {
            at: self.path(from),
        });
        let not_led_here = || closed.clone().unwrap_or(SkipReason::RunEnded);
        match rule {
            JoinRule::AllSuccess if successes == arrivals => Readiness::Run,
            JoinRule::AllSuccess | JoinRule::OneSuccess => {
                Readiness::Skip(upstream_failed.unwrap_or_else(not_led_here))
            }
            JoinRule::NoneFailedMinOneSuccess => match upstream_failed {
                Some(reason) => Readiness::Skip(reason),
                None if successes > 0 => Readiness::Run,
                None => Readiness::Skip(not_led_here()),
            },
            JoinRule::AllDone if successes > 0 || upstream_failed.is_some() || arrivals == 0 => {
                Readiness::Run
            }
            JoinRule::AllDone => Readiness::Skip(not_led_here()),
        }
    }

    fn arrival(&self, frame: usize, edge: usize) -> Arrival {
        let shape = &self.plan.outline.edges[edge];
        let Some(from) = self.state.in_frame(frame, shape.from) else {
            return Arrival::Open;
        };
        let status = self.state.steps[from].status;
        match self.state.edges[self.state.edge_in(frame, edge)] {
            EdgeState::Open => Arrival::Open,
            // A fallback is reached by the failure: that is its success.
            EdgeState::Taken if status == StepStatus::Failed && shape.on.is_none() => {
                Arrival::Failed(from)
            }
            EdgeState::Taken => Arrival::Success,
            EdgeState::NotTaken if status == StepStatus::Failed && !self.fell_back(from) => {
                Arrival::Failed(from)
            }
            EdgeState::NotTaken if status == StepStatus::Skipped => {
                Arrival::Closed(SkipReason::UpstreamSkipped {
                    at: self.path(from),
                })
            }
            EdgeState::NotTaken => Arrival::Closed(SkipReason::BranchNotTaken {
                at: self.path(from),
            }),
        }
    }

    /// The step's turn has come.
    fn start(&mut self, step: usize) {
        if let Some(skip) = self.state.steps[step].to_skip.clone() {
            if let Err(message) = self.skip_now(step, skip.actor, skip.comment) {
                self.fail(step, StepError::new("condition_failed", message));
            }
            return;
        }
        let kind = self.plan.outline.steps[self.shape(step)].kind;
        if takes_over(kind)
            && let Some(output) = self.state.kept.get(&self.path(step)).cloned()
        {
            return self.complete_kept(step, output);
        }
        let plan = self.plan;
        match &plan.steps[self.shape(step)].work {
            Work::Tool { .. } | Work::Poll { .. } => self.start_attempt_or_queue(step),
            Work::Subworkflow { .. } | Work::External { .. } => self.start_attempt_or_queue(step),
            Work::Gate(gate) => self.open_gate(step, gate),
            Work::Condition { expression } => match expression.evaluate(&self.names(step)) {
                Ok(result) => self.complete_approved(step, json!({ "result": result })),
                Err(message) => self.fail(step, StepError::new("expression_failed", message)),
            },
            Work::Parallel | Work::Join { .. } => self.complete_approved(step, Value::Null),
            Work::Transform { set } => match set.resolve(&self.names(step)) {
                Ok(output) => self.complete_approved(step, output),
                Err(message) => self.fail(step, StepError::new("unresolved_binding", message)),
            },
            Work::Map(map) => self.start_map(step, map),
            Work::Loop(_) => self.start_loop(step),
            Work::Wait { until } => self.start_wait(step, until),
        }
    }

    /// Completes a step that does nothing outside, if what was approved is what it does.
    fn complete_approved(&mut self, step: usize, output: Value) {
        let input = if matches!(self.plan_step(step).work, Work::Transform { .. }) {
            &output
        } else {
            &Value::Null
        };
        match self.check_approved(step, input) {
            Ok(()) => self.complete(step, output),
            Err(error) => self.fail(step, error),
        }
    }

    /// The value that the binding stands for now, if it may go into the log.
    pub(super) fn resolve(&self, step: usize, binding: &Binding) -> Result<Value, StepError> {
        let value = binding
            .resolve(&self.names(step))
            .map_err(|message| StepError::new("unresolved_binding", message))?;
        bounds::check(&value).map_err(|why| {
            StepError::new("value_too_large", format!("what it would work with {why}"))
        })?;
        self.check_room_for(bounds::json_bytes(&value))?;
        Ok(value)
    }

    fn end_if_done(&mut self) {
        let open = self.state.started_at.is_some()
            && self.state.end.is_none()
            && self.state.frames[0].open == 0;
        if !open {
            return;
        }
        if self.state.cancelling.is_some() {
            if self.state.running().next().is_none() {
                self.finish(EndState::Cancelled);
            }
        } else if self.state.compensating.is_some() {
            self.finish_compensated();
        } else {
            self.complete_run();
        }
    }

    fn complete_run(&mut self) {
        let Err(why) = bounds::check_size(&self.state.output_of(0)) else {
            return self.finish(EndState::Completed);
        };
        let message = format!("What the last steps of the workflow give together {why}.");
        self.fail_all(None, EndReason::Error, message, self.plan.compensate);
        if self.state.end.is_none() {
            // There is something to undo first.
            self.settle();
        }
    }
}
