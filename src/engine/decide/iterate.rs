//! Maps and loops: a body done for each item of a list, or again and again until a condition holds.

use serde_json::{Value, json};

use super::{Deciding, Todo};
use crate::engine::event::Event;
use crate::engine::failure::StepError;
use crate::engine::limits::{ITERATIONS_MAX, STEP_RUNS_MAX};
use crate::engine::plan::{LoopWork, MapWork, Work};
use crate::engine::state::{FrameEnd, StepStatus};
use crate::engine::workflow::{EdgeTrigger, ErrorPolicy, ItemErrorPolicy};

impl Deciding<'_> {
    pub(super) fn start_map(&mut self, step: usize, map: &MapWork) {
        let list = self
            .resolve(step, &map.over)
            .and_then(|over| self.check_approved(step, &over).map(|()| over));
        let items = match list {
            Ok(Value::Array(items)) => items,
            Ok(other) => {
                let message = format!("`over` must give a list; it gave {}", brief(&other));
                return self.fail(step, StepError::new("not_a_list", message));
            }
            Err(error) => return self.fail(step, error),
        };
        if items.len() > ITERATIONS_MAX {
            let message = format!(
                "the list has {} items; {ITERATIONS_MAX} are allowed: split it over several runs",
                items.len()
            );
            return self.fail(step, StepError::new("too_many_items", message));
        }
        let path = self.path(step);
        self.emit(Event::MapStarted { step: path, items });
        self.todo.push_back(Todo::Next(step));
    }

    pub(super) fn start_loop(&mut self, step: usize) {
        match self.check_approved(step, &Value::Null) {
            Ok(()) => self.start_iteration(step, 0),
            Err(error) => self.fail(step, error),
        }
    }

    /// Begins an item or a round, if the run may grow by so many steps.
    pub(super) fn start_iteration(&mut self, owner: usize, index: usize) {
        let outline = &self.plan.outline;
        let more = outline
            .body_inside(self.shape(owner))
            .map_or(0, |body| outline.bodies()[body].steps.len());
        if self.state.steps.len() + more > STEP_RUNS_MAX {
            let message = format!(
                "the run would have more than {STEP_RUNS_MAX} steps: split the work over several runs"
            );
            return self.fail(owner, StepError::new("run_too_large", message));
        }
        let path = self.path(owner);
        self.emit(Event::IterationStarted {
            step: path,
            index: u32::try_from(index).unwrap_or(u32::MAX),
        });
        if let Some(&frame) = self.state.steps[owner].frames.last() {
            self.consider_roots(frame);
        }
    }

    /// Every step of the iteration has ended.
    pub(super) fn end_iteration(&mut self, frame: usize) {
        let found = &self.state.frames[frame];
        let Some(owner) = found
            .owner
            .filter(|_| found.end.is_none() && found.open == 0)
        else {
            return;
        };
        if self.state.steps[owner].status.is_terminal() {
            return;
        }
        if self.is_stopping() {
            return self.stop_owner(owner);
        }
        let index = found.index;
        let path = self.path(owner);
        self.emit(Event::IterationEnded {
            step: path,
            index,
            error: None,
        });
        self.todo.push_back(Todo::Next(owner));
    }

    /// While the run is being stopped, a map or loop ends with the last of what it holds.
    pub(super) fn stop_owner(&mut self, owner: usize) {
        let frames = &self.state.steps[owner].frames;
        if frames
            .iter()
            .all(|&frame| self.state.frames[frame].open == 0)
        {
            self.cancel_step(owner);
        }
    }

    /// A step of an iteration has failed and nothing catches it: the iteration has failed.
    pub(super) fn fail_frame(&mut self, step: usize, error: &StepError, compensate: bool) {
        let frame = self.state.steps[step].frame;
        let compensate = compensate || self.will_be_undone(step);
        let owner = match self.state.frames[frame].owner {
            Some(owner) if !compensate => owner,
            Some(_) | None => return self.fail_run(step, error, compensate),
        };
        self.end_steps(&self.state.steps_within(frame));
        let (path, index) = (self.path(owner), self.state.frames[frame].index);
        let error = StepError {
            message: format!("“{}”: {}", self.state.name(step), error.message),
            ..error.clone()
        };
        self.emit(Event::IterationEnded {
            step: path,
            index,
            error: Some(error.clone()),
        });
        let tolerated = match &self.plan_step(owner).work {
            Work::Map(map) => match map.on_item_error {
                ItemErrorPolicy::Continue => self.state.steps[owner].failed <= map.max_failed,
                ItemErrorPolicy::Fail => false,
            },
            Work::Loop(_)
            | Work::Tool { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Wait { .. }
            | Work::Poll { .. }
            | Work::Subworkflow { .. }
            | Work::External { .. } => false,
        };
        if tolerated {
            return self.todo.push_back(Todo::Next(owner));
        }
        let word = if matches!(self.plan_step(owner).work, Work::Loop(_)) {
            "round"
        } else {
            "item"
        };
        let which = format!("{word} {}", index + 1);
        let error = StepError {
            message: format!("{which}: {}", error.message),
            ..error
        };
        self.fail(owner, error);
    }

    /// Will this failure, which nothing in its own body catches, end in undoing what the run did? Then what is in flight
    /// beside it must not be cut off: it has to be known what became of it.
    fn will_be_undone(&self, step: usize) -> bool {
        let mut undone = self.plan.compensate;
        let mut at = step;
        while let Some(owner) = self.state.frames[self.state.steps[at].frame].owner {
            let plan = self.plan_step(owner);
            let tolerated = match &plan.work {
                Work::Map(map) => {
                    map.on_item_error == ItemErrorPolicy::Continue
                        && self.state.steps[owner].failed < map.max_failed
                }
                Work::Loop(_)
                | Work::Tool { .. }
                | Work::Gate(_)
                | Work::Condition { .. }
                | Work::Parallel
                | Work::Join { .. }
                | Work::Transform { .. }
                | Work::Wait { .. }
                | Work::Poll { .. }
                | Work::Subworkflow { .. }
                | Work::External { .. } => false,
            };
            let caught = plan.on_error == ErrorPolicy::Continue
                || self.has_way_on(owner, EdgeTrigger::Failed);
            if tolerated || caught {
                return false;
            }
            undone |= plan.on_error == ErrorPolicy::Compensate;
            at = owner;
        }
        undone && self.plan.outline.undoes_anything()
    }

    /// What a map or loop that has failed still holds ends with it.
    pub(super) fn end_iterations_of(&mut self, owner: usize) {
        for at in 0..self.state.steps[owner].frames.len() {
            let frame = self.state.steps[owner].frames[at];
            if self.state.frames[frame].end.is_none() {
                self.end_steps(&self.state.steps_within(frame));
            }
        }
    }

    /// Takes up what the map or loop may take up now, or completes it.
    pub(super) fn iterate(&mut self, owner: usize) {
        if self.is_quiet() || self.state.steps[owner].status != StepStatus::InProgress {
            return;
        }
        let plan = self.plan;
        match &plan.steps[self.shape(owner)].work {
            Work::Map(map) => self.iterate_map(owner, map),
            Work::Loop(round) => self.iterate_loop(owner, round),
            Work::Tool { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Wait { .. }
            | Work::Poll { .. }
            | Work::Subworkflow { .. }
            | Work::External { .. } => {}
        }
    }

    fn iterate_map(&mut self, owner: usize, map: &MapWork) {
        let run = &self.state.steps[owner];
        let (items, started, ended) = (run.items.len(), run.frames.len(), run.ended as usize);
        if ended == items {
            let output = self.map_output(owner);
            return self.complete(owner, output);
        }
        let room = (map.max_parallel as usize).saturating_sub(started - ended);
        for index in started..items.min(started + room) {
            if self.state.steps[owner].status != StepStatus::InProgress {
                return;
            }
            self.start_iteration(owner, index);
        }
    }

    /// The results in the order of the items (null for one that failed), and what became of those that failed.
    fn map_output(&self, owner: usize) -> Value {
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for &frame in &self.state.steps[owner].frames {
            let found = &self.state.frames[frame];
            match &found.end {
                Some(FrameEnd::Failed(error)) => {
                    results.push(Value::Null);
                    errors.push(json!({
                        "index": found.index, "code": error.code, "message": error.message,
                    }));
                }
                Some(FrameEnd::Done) | None => results.push(self.state.output_of(frame)),
            }
        }
        json!({
            "results": results,
            "succeeded": results.len() - errors.len(),
            "failed": errors.len(),
            "errors": errors,
        })
    }

    fn iterate_loop(&mut self, owner: usize, round: &LoopWork) {
        let run = &self.state.steps[owner];
        let Some(&last) = run.frames.last() else {
            return self.start_iteration(owner, 0);
        };
        if self.state.frames[last].end.is_none() {
            return;
        }
        let made = run.frames.len();
        let counted = made - run.forgiven as usize;
        let result = self.state.output_of(last);
        match round.until.holds(&self.names_in(last)) {
            Ok(true) => self.complete(owner, json!({ "result": result, "iterations": made })),
            Ok(false) if counted >= round.max_iterations as usize || made >= ITERATIONS_MAX => {
                let message = format!(
                    "`{}` does not hold after {made} rounds",
                    round.until.source()
                );
                let data = json!({ "result": result, "iterations": made });
                let error = StepError::new("iterations_exhausted", message).with_data(data);
                self.fail(owner, error);
            }
            Ok(false) if round.every_ms > 0 => {
                let path = self.path(owner);
                let until = self.now().plus_ms(round.every_ms);
                self.emit(Event::WaitStarted { step: path, until });
            }
            Ok(false) => self.start_iteration(owner, made),
            Err(message) => self.fail(owner, StepError::new("expression_failed", message)),
        }
    }
}

/// The value in a few characters.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{} …", &text[..cut]),
        None => text,
    }
}
