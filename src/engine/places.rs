//! Where the steps of a workflow stand: each with the map or loop that holds it, and its JSON Pointer. Walks without
//! recursion, so that a document nested absurdly deep is looked at like any other.

use std::collections::BTreeMap;

use super::patch::below;
use super::workflow::{Edge, Step, Workflow};

/// Every step of a workflow, those inside maps and loops behind the one that holds them.
pub(in crate::engine) struct Places<'a> {
    workflow: &'a Workflow,
    steps: Vec<Placed<'a>>,
    /// The first step of each id.
    first: BTreeMap<&'a str, usize>,
    /// Ids that several steps have.
    shared: BTreeMap<&'a str, Vec<usize>>,
}

#[derive(Clone, Copy)]
pub(in crate::engine) struct Placed<'a> {
    pub step: &'a Step,
    /// The map or loop that holds it, as a position in this list.
    pub owner: Option<usize>,
    /// Position among the steps of its body.
    pub slot: usize,
}

impl<'a> Places<'a> {
    pub fn new(workflow: &'a Workflow) -> Self {
        let mut steps: Vec<Placed<'a>> = Vec::with_capacity(workflow.steps.len());
        let placed = |step, owner, slot| Placed { step, owner, slot };
        let top = workflow.steps.iter().enumerate().rev();
        let mut open: Vec<Placed<'a>> = top.map(|(slot, step)| placed(step, None, slot)).collect();
        while let Some(next) = open.pop() {
            let owner = Some(steps.len());
            steps.push(next);
            if let Some(body) = &next.step.body {
                let inside = body.steps.iter().enumerate().rev();
                open.extend(inside.map(|(slot, step)| placed(step, owner, slot)));
            }
        }
        // Of equal keys the last one stays.
        let ids = steps.iter().enumerate().rev();
        let first: BTreeMap<&str, usize> = ids
            .map(|(at, placed)| (placed.step.id.as_str(), at))
            .collect();
        let mut shared: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        if first.len() < steps.len() {
            for (at, placed) in steps.iter().enumerate() {
                let id = placed.step.id.as_str();
                shared.entry(id).or_default().push(at);
            }
            shared.retain(|_, all| all.len() > 1);
        }
        Self {
            workflow,
            steps,
            first,
            shared,
        }
    }

    pub fn steps(&self) -> &[Placed<'a>] {
        &self.steps
    }

    /// The first step of that id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.first.get(id).copied()
    }

    /// Is there a step before this one that has its id?
    pub fn is_repeated(&self, at: usize) -> bool {
        !self.shared.is_empty() && self.find(self.steps[at].step.id.as_str()) != Some(at)
    }

    /// All steps of that id.
    pub fn all(&self, id: &str) -> Vec<usize> {
        match self.shared.get(id) {
            Some(all) => all.clone(),
            None => self.find(id).into_iter().collect(),
        }
    }

    pub fn pointer(&self, at: usize) -> String {
        let placed = &self.steps[at];
        format!("{}/steps/{}", self.body_pointer(placed.owner), placed.slot)
    }

    /// Of what holds `steps` and `edges`: the workflow, or the body of a map or loop.
    pub fn body_pointer(&self, owner: Option<usize>) -> String {
        let mut way = Vec::new();
        let mut outer = owner;
        while let Some(at) = outer {
            way.push(self.steps[at].slot);
            outer = self.steps[at].owner;
        }
        let way = way.iter().rev();
        way.map(|slot| format!("/steps/{slot}/body")).collect()
    }

    /// A field of the step: `["with", "url"]`.
    pub fn field(&self, at: usize, parts: &[&str]) -> String {
        let pointer = self.pointer(at);
        parts
            .iter()
            .fold(pointer, |pointer, part| below(&pointer, part))
    }

    /// The steps of one body.
    pub fn steps_of(&self, owner: Option<usize>) -> &'a [Step] {
        match owner.map(|at| self.steps[at].step.body.as_ref()) {
            None => &self.workflow.steps,
            Some(body) => body.map_or(&[], |body| &body.steps),
        }
    }

    /// The edges of one body.
    pub fn edges_of(&self, owner: Option<usize>) -> &'a [Edge] {
        match owner.map(|at| self.steps[at].step.body.as_ref()) {
            None => &self.workflow.edges,
            Some(body) => body.map_or(&[], |body| &body.edges),
        }
    }

    /// The bodies around something in the body of `owner`, the innermost first; the workflow's own is `None`.
    pub fn levels(&self, owner: Option<usize>) -> Vec<Option<usize>> {
        let mut levels = vec![owner];
        let mut outer = owner;
        while let Some(at) = outer {
            outer = self.steps[at].owner;
            levels.push(outer);
        }
        levels
    }
}
