//! From "these steps have ended" to "nothing more can happen by itself": starts what may start, skips what will not
//! run, decides pure steps on the spot, and ends the run when every step has ended. No level barriers: each step
//! looks at its own predecessors only.

use serde_json::{Value, json};

use super::Deciding;
use super::scope::WithOwn;
use crate::engine::binding::{Binding, Scope};
use crate::engine::bounds;
use crate::engine::event::{EndState, Event, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::plan::Work;
use crate::engine::state::{EdgeState, StepStatus};
use crate::engine::workflow::{EdgeTrigger, ErrorPolicy, JoinRule};

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
            while let Some(step) = self.reconsider.pop_front() {
                self.consider(step);
            }
            if !self.start_queued() {
                break;
            }
        }
        self.end_if_done();
    }

    fn consider(&mut self, step: usize) {
        let quiet = self.state.end.is_some() || self.state.cancelling.is_some();
        if quiet || self.state.steps[step].status != StepStatus::Pending {
            return;
        }
        match self.readiness(step) {
            Readiness::NotYet => {}
            Readiness::Run => self.start(step),
            Readiness::Skip(reason) => {
                let id = self.id_of(step);
                self.emit(Event::StepSkipped { step: id, reason });
                self.reconsider_successors(step);
            }
        }
    }

    pub(super) fn reconsider_successors(&mut self, step: usize) {
        let outline = &self.plan.outline;
        self.reconsider.extend(
            outline
                .outgoing(step)
                .iter()
                .map(|&edge| outline.edges[edge].to),
        );
    }

    fn readiness(&self, step: usize) -> Readiness {
        let rule = self.plan.steps[step].work.join_rule();
        let (mut open, mut successes, mut arrivals) = (0usize, 0usize, 0usize);
        let mut failed = None;
        let mut closed = None;
        for &edge in self.plan.outline.incoming(step) {
            arrivals += 1;
            match self.arrival(edge) {
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
            at: self.id_of(from),
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

    fn arrival(&self, edge: usize) -> Arrival {
        let from = self.plan.outline.edges[edge].from;
        match (self.state.edges[edge], self.state.steps[from].status) {
            (EdgeState::Open, _) => Arrival::Open,
            (EdgeState::Taken, StepStatus::Failed) => Arrival::Failed(from),
            (EdgeState::Taken, _) => Arrival::Success,
            (EdgeState::NotTaken, StepStatus::Failed) => Arrival::Failed(from),
            (EdgeState::NotTaken, StepStatus::Skipped) => {
                Arrival::Closed(SkipReason::UpstreamSkipped {
                    at: self.id_of(from),
                })
            }
            (EdgeState::NotTaken, _) => Arrival::Closed(SkipReason::BranchNotTaken {
                at: self.id_of(from),
            }),
        }
    }

    /// The step's turn has come.
    pub(super) fn start(&mut self, step: usize) {
        let plan = self.plan;
        match &plan.steps[step].work {
            Work::Tool { .. } => self.start_attempt_or_queue(step),
            Work::Gate(gate) => self.open_gate(step, gate),
            Work::Condition { expression } => match expression.evaluate(|name| self.lookup(name)) {
                Ok(result) => self.complete_approved(step, json!({ "result": result })),
                Err(message) => self.fail(step, StepError::new("expression_failed", message)),
            },
            Work::Parallel | Work::Join { .. } => self.complete_approved(step, Value::Null),
            Work::Transform { set } => match set.resolve(&*self) {
                Ok(output) => self.complete_approved(step, output),
                Err(message) => self.fail(step, StepError::new("unresolved_binding", message)),
            },
        }
    }

    /// Completes a step that does nothing outside, if what was approved is what it does.
    fn complete_approved(&mut self, step: usize, output: Value) {
        let input = if matches!(self.plan.steps[step].work, Work::Transform { .. }) {
            &output
        } else {
            &Value::Null
        };
        match self.check_approved(step, input) {
            Ok(()) => self.complete(step, output),
            Err(error) => self.fail(step, error),
        }
    }

    pub(super) fn complete(&mut self, step: usize, output: Value) {
        if let Err(why) = bounds::check(&output) {
            let message = format!("the output {why}");
            return self.fail(step, StepError::new("output_too_large", message));
        }
        match self.taken_edges(step, &output, None) {
            Ok(taken) => {
                let id = self.id_of(step);
                self.emit(Event::StepCompleted {
                    step: id,
                    output,
                    taken,
                });
                self.reconsider_successors(step);
            }
            Err(message) => self.fail(step, StepError::new("condition_failed", message)),
        }
    }

    /// Completes a gate that was rejected and has a way on for it.
    pub(super) fn complete_rejected(&mut self, step: usize, output: Value) {
        match self.taken_edges(step, &output, Some(EdgeTrigger::Rejected)) {
            Ok(taken) => {
                let id = self.id_of(step);
                self.emit(Event::StepCompleted {
                    step: id,
                    output,
                    taken,
                });
                self.reconsider_successors(step);
            }
            Err(message) => self.fail(step, StepError::new("condition_failed", message)),
        }
    }

    /// The step has failed for good: the run goes on or fails, as the step's error policy says.
    pub(super) fn fail(&mut self, step: usize, error: StepError) {
        let error = error.within_bounds();
        let id = self.id_of(step);
        match self.plan.steps[step].on_error {
            ErrorPolicy::Continue => match self.taken_edges(step, &error.as_value(), None) {
                Ok(taken) => {
                    self.emit(Event::StepFailed {
                        step: id,
                        error,
                        taken,
                    });
                    self.reconsider_successors(step);
                }
                Err(message) => {
                    self.emit(Event::StepFailed {
                        step: id,
                        error,
                        taken: Vec::new(),
                    });
                    self.fail_run(step, &StepError::new("condition_failed", message));
                }
            },
            ErrorPolicy::Fail => {
                self.emit(Event::StepFailed {
                    step: id,
                    error: error.clone(),
                    taken: Vec::new(),
                });
                self.fail_run(step, &error);
            }
        }
    }

    /// The outgoing edges that lead on: those without a condition, those whose condition holds, and the default
    /// one when none with a condition is among them.
    fn taken_edges(
        &self,
        step: usize,
        value: &Value,
        trigger: Option<EdgeTrigger>,
    ) -> Result<Vec<usize>, String> {
        let outline = &self.plan.outline;
        let own = WithOwn {
            around: self,
            name: outline.steps[step].id.as_str(),
            value,
        };
        let mut taken = Vec::new();
        let mut conditional_taken = false;
        for &edge in outline.outgoing(step) {
            let shape = &outline.edges[edge];
            if shape.on != trigger || shape.default {
                continue;
            }
            match &self.plan.conditions[edge] {
                None => taken.push(edge),
                Some(condition) => {
                    if condition.holds(|name| own.lookup(name))? {
                        conditional_taken = true;
                        taken.push(edge);
                    }
                }
            }
        }
        if !conditional_taken {
            taken.extend(
                outline.outgoing(step).iter().filter(|&&edge| {
                    outline.edges[edge].default && outline.edges[edge].on == trigger
                }),
            );
        }
        taken.sort_unstable();
        Ok(taken)
    }

    /// The value that the binding stands for now, if it may go into the log.
    pub(super) fn resolve(&self, binding: &Binding) -> Result<Value, StepError> {
        let value = binding
            .resolve(self)
            .map_err(|message| StepError::new("unresolved_binding", message))?;
        bounds::check(&value).map_err(|why| {
            StepError::new("value_too_large", format!("what it would work with {why}"))
        })?;
        Ok(value)
    }

    fn end_if_done(&mut self) {
        let done = self.state.started_at.is_some()
            && self.state.end.is_none()
            && self
                .state
                .steps
                .iter()
                .all(|step| step.status.is_terminal());
        if done {
            self.finish(if self.state.cancelling.is_some() {
                EndState::Cancelled
            } else {
                EndState::Completed
            });
        }
    }
}
