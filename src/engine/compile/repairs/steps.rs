//! Repairs of names: ids that are none or taken twice, misspelt names, another name for the items of a map.

use super::{Compiling, PatchOperation, closest};
use crate::engine::compile::references::Known;
use crate::engine::compile::{Graph, is_reserved, is_wellformed};
use crate::engine::diagnostic::Repair;
use crate::engine::names::numbered;
use crate::engine::rename;
use crate::engine::workflow::Step;

impl Compiling<'_> {
    /// An id for the step at this place that can be one and is free; what names the step follows.
    pub(in super::super) fn another_id(&mut self, at: usize) -> Option<Repair> {
        let id = self.places.steps()[at].step.id.as_str();
        if !self.affords(self.places.steps().len()) {
            return None;
        }
        let free = self.free_id(&wellformed(id));
        let patch = rename::operations(self.workflow, &self.places, at, &free);
        Some(Repair::new(format!("Call it `{free}`"), patch))
    }

    pub(in super::super) fn another_item_name(
        &mut self,
        step: &Step,
        name: &str,
    ) -> Option<Repair> {
        let at = self.places.find(step.id.as_str())?;
        if !self.affords(self.places.steps().len()) {
            return None;
        }
        let wanted = wellformed(name);
        let wanted = if self.is_free(&wanted) {
            wanted
        } else {
            self.free_id(&format!(
                "{}_item",
                wanted.chars().take(50).collect::<String>()
            ))
        };
        let patch = rename::item_operations(self.workflow, &self.places, at, name, &wanted);
        Some(Repair::new(format!("Call it `{wanted}`"), patch))
    }

    /// The id itself, or with a number behind it.
    pub(super) fn free_id(&self, id: &str) -> String {
        if self.is_free(id) {
            id.to_owned()
        } else {
            numbered(id, |name| self.is_free(name))
        }
    }

    fn is_free(&self, id: &str) -> bool {
        let mut steps = self.places.steps().iter();
        is_wellformed(id)
            && !is_reserved(id)
            && self.places.find(id).is_none()
            && !steps.any(|placed| placed.step.item_name.as_deref() == Some(id))
    }

    /// What a name that nobody has was meant to be: a field of the input, or a name close in spelling.
    pub(in super::super) fn meant_name(
        &mut self,
        graph: &Graph<'_>,
        name: &str,
        known: &Known<'_>,
    ) -> Option<String> {
        if !self.affords(known.steps.count_ones(..) + known.names.len()) {
            return None;
        }
        let steps = known
            .steps
            .ones()
            .map(|step| graph.written_id(step).as_str());
        let names = known.names.iter().copied().chain(["input", "context"]);
        if let Some(close) = closest(name, steps.chain(names)) {
            return Some(close.to_owned());
        }
        let inputs = self.workflow.inputs.as_ref();
        let inputs = inputs.and_then(|schema| schema.get("properties"));
        if inputs.is_some_and(|fields| fields.get(name).is_some()) {
            return Some(format!("input.{name}"));
        }
        let is_variable = self.workflow.variables.contains_key(name);
        is_variable.then(|| format!("context.{name}"))
    }

    pub(in super::super) fn known_tool(
        &mut self,
        step: &Step,
        prefix: &str,
        name: &str,
    ) -> Option<Repair> {
        let catalogue = self.catalogue;
        if !self.affords(catalogue.names().count()) {
            return None;
        }
        let meant = closest(name, catalogue.names())?;
        let pointer = self.pointer(step, &format!("{prefix}tool"))?;
        Some(Repair::one(
            format!("Call `{meant}`"),
            PatchOperation::replace(pointer, meant),
        ))
    }
}

/// What is left of a name when only what an id may have is kept.
fn wellformed(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            id.push(c);
        } else if !id.ends_with('_') && !id.is_empty() {
            id.push('_');
        }
        if id.len() >= 56 {
            break;
        }
    }
    let id = id.trim_end_matches('_');
    if id.is_empty() || id.starts_with(|c: char| c.is_ascii_digit()) || is_reserved(id) {
        let id = if is_reserved(id) {
            format!("{id}_step")
        } else {
            format!("step_{id}")
        };
        return id.trim_end_matches('_').to_owned();
    }
    id.to_owned()
}
