//! Bodies in execution. The run itself is the first frame; each item of a map and each round of a loop is another one.
//! A step of a run is a step of the outline in a frame.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

use super::status::StepStatus;
use super::step::StepRun;
use super::{EdgeState, RunState};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Of the outline.
    pub body: usize,
    /// The map or loop that it is an iteration of, as a position in the run's steps; none for the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<usize>,
    /// Item or round, from 0.
    pub index: u32,
    /// Where its steps begin among those of the run.
    pub first_step: usize,
    pub first_edge: usize,
    /// Steps of it that have not ended; those that would only undo something do not count.
    pub open: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<FrameEnd>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameEnd {
    Done,
    Failed(Box<StepError>),
}

pub(super) fn only_the_run(frames: &[Frame]) -> bool {
    frames.len() == 1
}

impl RunState {
    /// Begins a body: its steps are pending, its edges open.
    pub(super) fn open_frame(&mut self, body: usize, owner: Option<usize>, index: u32) {
        let frame = self.frames.len();
        let outline = Arc::clone(&self.outline);
        let shape = &outline.bodies()[body];
        let undoing = |step: &&usize| outline.steps[**step].undoes.is_some();
        self.frames.push(Frame {
            body,
            owner,
            index,
            first_step: self.steps.len(),
            first_edge: self.edges.len(),
            open: shape.steps.len() - shape.steps.iter().filter(undoing).count(),
            end: None,
        });
        for &step in &shape.steps {
            let at = self.steps.len();
            self.steps.push(Arc::new(StepRun::pending(step, frame)));
            self.to_come.push(outline.incoming(step).len());
            self.tally.add(&self.outline, at, &self.steps[at]);
        }
        self.edges
            .resize(self.edges.len() + shape.edges, EdgeState::Open);
        if let Some(owner) = owner {
            Arc::make_mut(&mut self.steps[owner]).frames.push(frame);
        }
    }

    /// The step of the outline's `shape` in that frame, if the shape belongs to its body.
    pub fn in_frame(&self, frame: usize, shape: usize) -> Option<usize> {
        let found = self.frames.get(frame)?;
        (found.body == self.outline.body_of(shape))
            .then(|| found.first_step + self.outline.slot(shape))
    }

    /// The step that `shape` is for a step in `frame`: in the same frame or in one around it.
    pub fn seen_from(&self, frame: usize, shape: usize) -> Option<usize> {
        let mut frame = frame;
        loop {
            if let Some(step) = self.in_frame(frame, shape) {
                return Some(step);
            }
            frame = self.steps[self.frames[frame].owner?].frame;
        }
    }

    /// Where the state of the outline's edge stands for a step in `frame`.
    pub fn edge_in(&self, frame: usize, edge: usize) -> usize {
        self.frames[frame].first_edge + self.outline.edge_slot(edge)
    }

    /// Keeps count for the step to which the edge leads.
    pub(super) fn set_edge(&mut self, frame: usize, edge: usize, becomes: EdgeState) {
        let at = self.edge_in(frame, edge);
        let was = std::mem::replace(&mut self.edges[at], becomes);
        let Some(to) = self.in_frame(frame, self.outline.edges[edge].to) else {
            return;
        };
        match (was == EdgeState::Open, becomes == EdgeState::Open) {
            (true, false) => self.to_come[to] -= 1,
            (false, true) => self.to_come[to] += 1,
            (true, true) | (false, false) => {}
        }
    }

    /// The steps of a frame.
    pub fn steps_of(&self, frame: usize) -> std::ops::Range<usize> {
        let found = &self.frames[frame];
        found.first_step..found.first_step + self.outline.bodies()[found.body].steps.len()
    }

    /// The steps of a frame and of all frames inside it.
    pub fn steps_within(&self, frame: usize) -> Vec<usize> {
        let mut steps = Vec::new();
        let mut frames = vec![frame];
        while let Some(frame) = frames.pop() {
            for step in self.steps_of(frame) {
                steps.push(step);
                frames.extend(&self.steps[step].frames);
            }
        }
        steps
    }

    /// All steps, each with what is inside of it behind it.
    pub fn in_order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.steps.len());
        let mut todo: Vec<usize> = self.steps_of(0).rev().collect();
        while let Some(step) = todo.pop() {
            order.push(step);
            for &frame in self.steps[step].frames.iter().rev() {
                todo.extend(self.steps_of(frame).rev());
            }
        }
        order
    }

    /// What a body leaves behind: the output of the one last step that completed, or all of theirs by step id.
    pub fn output_of(&self, frame: usize) -> Value {
        let outline = &self.outline;
        let last: Vec<usize> = self
            .steps_of(frame)
            .filter(|&step| {
                let shape = self.steps[step].shape;
                outline.outgoing(shape).is_empty() && outline.steps[shape].undoes.is_none()
            })
            .collect();
        let output = |step: usize| {
            let run = &self.steps[step];
            (run.status == StepStatus::Completed).then(|| run.output.clone())?
        };
        match last.as_slice() {
            [only] => output(*only).unwrap_or(Value::Null),
            several => several
                .iter()
                .filter_map(|&step| {
                    let id = &outline.steps[self.steps[step].shape].id;
                    Some((id.to_string(), output(step)?))
                })
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// How the step is called in the log.
    pub fn path(&self, step: usize) -> StepPath {
        let id = &self.outline.steps[self.steps[step].shape].id;
        let frame = &self.frames[self.steps[step].frame];
        match frame.owner {
            None => StepPath::from(id),
            Some(owner) => self.path(owner).inside(frame.index, id),
        }
    }

    /// The step that is called so.
    pub fn find(&self, path: &StepPath) -> Option<usize> {
        let mut rest = path.as_str();
        let mut frame = 0;
        loop {
            let (id, iteration) = split(rest);
            let step = self.in_frame(frame, self.outline.position(id)?)?;
            let Some((index, inside)) = iteration else {
                return Some(step);
            };
            frame = *self.steps[step].frames.get(index)?;
            rest = inside;
        }
    }
}

/// `each.3.fetch` → `each`, and `3` with `fetch`.
fn split(path: &str) -> (&str, Option<(usize, &str)>) {
    for (at, _) in path.match_indices('.') {
        let rest = &path[at + 1..];
        if let Some((number, inside)) = rest.split_once('.')
            && let Ok(index) = number.parse()
        {
            return (&path[..at], Some((index, inside)));
        }
    }
    (path, None)
}
