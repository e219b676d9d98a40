//! What a person does to a workflow while writing it: add, remove, order, connect. Total: a draft may be broken in every
//! way that still parses, and each of these leaves it no worse. Whoever keeps drafts keeps the one before, for *undo*.

mod branches;
#[cfg(test)]
mod tests;

pub use branches::{Branch, branch_end, branch_positions, exchange_branches, lead_branch, new_way};

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

use super::ids::StepId;
use super::rename::{can_be_called, rename_all};
use super::workflow::{Body, Edge, JoinRule, Step, StepKind, Workflow};

/// Where a new step goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind all others of the workflow or of this map or loop, connected with nothing.
    Loose(Option<StepId>),
    /// Behind this step. What led on from it without a condition leads on from the new one, of a condition when it is true;
    /// behind a condition it stands on the first branch that leads nowhere yet.
    After(StepId),
    /// Behind this step, beside what is there already.
    Beside(StepId),
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CannotConnect {
    #[error("there is no step `{0}`")]
    NoSuchStep(StepId),
    #[error("a step cannot come after itself")]
    Itself,
    #[error("`{from}` leads to `{to}` already")]
    There { from: StepId, to: StepId },
    #[error(
        "`{from}` and `{to}` are not in the same place: a way does not lead into a map or loop or out of it"
    )]
    Apart { from: StepId, to: StepId },
    #[error("`{to}` comes before `{from}`: to do steps again, put them into a loop")]
    Circle { from: StepId, to: StepId },
}

/// The step with this id, in any body. Of two with the same id the first.
pub fn find<'a>(workflow: &'a Workflow, id: &StepId) -> Option<&'a Step> {
    let mut open: Vec<&Step> = workflow.steps.iter().rev().collect();
    while let Some(step) = open.pop() {
        if step.id == *id {
            return Some(step);
        }
        open.extend(step.body.iter().flat_map(|body| body.steps.iter().rev()));
    }
    None
}

/// The same, to be changed.
pub fn find_mut<'a>(workflow: &'a mut Workflow, id: &StepId) -> Option<&'a mut Step> {
    let mut open: Vec<&mut Step> = workflow.steps.iter_mut().rev().collect();
    while let Some(step) = open.pop() {
        if step.id == *id {
            return Some(step);
        }
        if let Some(body) = &mut step.body {
            open.extend(body.steps.iter_mut().rev());
        }
    }
    None
}

/// The map or loop that holds the step: `Some(None)` for a step of the workflow itself, `None` when there is none. Of two
/// with the same id that of the first.
pub fn holder_of(workflow: &Workflow, id: &StepId) -> Option<Option<StepId>> {
    let steps = workflow.steps.iter().rev();
    let mut open: Vec<(Option<&StepId>, &Step)> = steps.map(|step| (None, step)).collect();
    while let Some((holder, step)) = open.pop() {
        if step.id == *id {
            return Some(holder.cloned());
        }
        let inside = step.body.iter().flat_map(|body| body.steps.iter().rev());
        open.extend(inside.map(|inner| (Some(&step.id), inner)));
    }
    None
}

/// The steps and edges of the workflow, or of the body of this map or loop.
pub fn level<'a>(
    workflow: &'a Workflow,
    holder: Option<&StepId>,
) -> Option<(&'a [Step], &'a [Edge])> {
    let Some(holder) = holder else {
        return Some((&workflow.steps, &workflow.edges));
    };
    let body = find(workflow, holder)?.body.as_ref()?;
    Some((&body.steps, &body.edges))
}

/// The same, to be changed. A map or loop without a body gets one.
pub fn level_mut<'a>(
    workflow: &'a mut Workflow,
    holder: Option<&StepId>,
) -> Option<(&'a mut Vec<Step>, &'a mut Vec<Edge>)> {
    let Some(holder) = holder else {
        return Some((&mut workflow.steps, &mut workflow.edges));
    };
    let step = find_mut(workflow, holder)?;
    if !matches!(step.kind, StepKind::Map | StepKind::Loop) {
        return None;
    }
    let body = step.body.get_or_insert_with(Body::default);
    Some((&mut body.steps, &mut body.edges))
}

/// An id that is free: the word itself, or with the first number behind it that no step has, nor a map's items.
pub fn free_id(workflow: &Workflow, word: &str) -> StepId {
    free_among(&ids(workflow), word)
}

/// The id that this step would have by its name; none when it has that already, or when the name gives none: of letters
/// that an id cannot have nothing that can be read would be left.
pub fn id_by_name(workflow: &Workflow, id: &StepId) -> Option<StepId> {
    let name = find(workflow, id)?.name.as_deref()?;
    if !name.chars().any(char::is_alphabetic)
        || name.chars().any(|c| c.is_alphabetic() && !c.is_ascii())
    {
        return None;
    }
    let mut taken = ids(workflow);
    taken.remove(id.as_str());
    let named = free_among(&taken, name);
    (named != *id && can_be_called(workflow, &named).is_ok()).then_some(named)
}

/// What no other step can be called: the ids of all steps, and the names of maps' items.
fn ids(workflow: &Workflow) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut open: Vec<&Step> = workflow.steps.iter().collect();
    while let Some(step) = open.pop() {
        ids.insert(step.id.as_str().to_owned());
        ids.extend(step.item_name.clone());
        open.extend(step.body.iter().flat_map(|body| &body.steps));
    }
    ids
}

fn free_among(taken: &BTreeSet<String>, word: &str) -> StepId {
    let word = id_word(word);
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = match stem.strip_suffix('_') {
        Some(stem) if stem.len() + 1 < word.len() => stem,
        Some(_) | None => &word,
    };
    let numbered = (2..).map(|number| format!("{stem}_{number}"));
    std::iter::once(word.clone())
        .chain(numbered)
        .find(|id| !taken.contains(id.as_str()))
        .map_or_else(|| StepId::new(word), StepId::new)
}

/// What is left of the words as an id: `Ask the boss!` → `ask_the_boss`.
fn id_word(words: &str) -> String {
    const CHARS: usize = 40;
    let mut id = String::new();
    for c in words.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' => id.push(c),
            '0'..='9' if !id.is_empty() => id.push(c),
            _ if !id.is_empty() && !id.ends_with('_') => id.push('_'),
            _ => {}
        }
    }
    let id: String = id.chars().take(CHARS).collect();
    match id.trim_end_matches('_') {
        "" => "step".to_owned(),
        id => id.to_owned(),
    }
}

/// Adds the step, under an id that is free, and answers it. A place that is not there means the end.
pub fn add_step(workflow: &mut Workflow, mut step: Step, place: &Place) -> StepId {
    step.id = free_id(workflow, step.id.as_str());
    let id = step.id.clone();
    let holder = match place {
        Place::Loose(holder) => holder.clone(),
        Place::After(other) | Place::Beside(other) => holder_of(workflow, other).flatten(),
    };
    let holder = holder.filter(|holder| level_mut(workflow, Some(holder)).is_some());
    let Some((steps, edges)) = level_mut(workflow, holder.as_ref()) else {
        return id;
    };
    let before = match place {
        Place::Loose(_) => None,
        Place::After(other) | Place::Beside(other) => {
            steps.iter().position(|step| step.id == *other)
        }
    };
    let Some(before) = before else {
        steps.push(step);
        return id;
    };
    let from = steps[before].id.clone();
    let is_condition = step.kind == StepKind::Condition;
    steps.insert(before + 1, step);
    if let Place::After(_) = place {
        for edge in edges.iter_mut().filter(|edge| edge.from == from) {
            if edge.when.is_none() && !edge.default && edge.on.is_none() {
                edge.from = id.clone();
                if is_condition {
                    Branch::True.mark(edge);
                }
            }
        }
    }
    let way = new_way(steps, edges, &from, &id);
    edges.push(way);
    id
}

/// A new step of that kind, with what makes it one.
pub fn new_step(kind: StepKind, tool: Option<&str>) -> Step {
    let word = match tool {
        Some(tool) if kind == StepKind::ToolCall => tool,
        Some(_) | None => kind.as_str(),
    };
    let mut step = Step {
        id: StepId::new(id_word(word)),
        kind,
        tool: tool.map(str::to_owned),
        ..Step::default()
    };
    match kind {
        StepKind::ToolCall => step.with = Some(json!({})),
        StepKind::HumanGate => {
            step.id = StepId::new("ask");
            step.message = Some(String::new());
        }
        StepKind::Condition => {
            step.id = StepId::new("check");
            step.expression = Some(String::new());
        }
        StepKind::Join => step.rule = Some(JoinRule::AllSuccess),
        StepKind::Transform => {
            step.id = StepId::new("set");
            step.set = Some([("value".to_owned(), json!(null))].into());
        }
        StepKind::Map => {
            step.id = StepId::new("each");
            step.over = Some(json!([]));
            step.body = Some(Body::default());
        }
        StepKind::Loop => {
            step.id = StepId::new("again");
            step.until = Some(String::new());
            step.max_iterations = Some(10);
            step.body = Some(Body::default());
        }
        StepKind::Wait => step.for_ms = Some(json!(60_000)),
        StepKind::Parallel | StepKind::Subworkflow | StepKind::External => {}
    }
    step
}

/// Takes the step out, with its body. Where one plain way led to it and one led on, the two become one.
pub fn remove_step(workflow: &mut Workflow, id: &StepId) {
    let Some(holder) = holder_of(workflow, id) else {
        return;
    };
    let Some((steps, edges)) = level_mut(workflow, holder.as_ref()) else {
        return;
    };
    let Some(position) = steps.iter().position(|step| step.id == *id) else {
        return;
    };
    steps.remove(position);
    if steps.iter().any(|step| step.id == *id) {
        // Another one of that name is still there, and nobody knows whose the edges are.
        return;
    }
    let (gone, mut left): (Vec<Edge>, Vec<Edge>) = edges
        .drain(..)
        .partition(|edge| edge.from == *id || edge.to == *id);
    let into: Vec<&Edge> = gone.iter().filter(|edge| edge.to == *id).collect();
    let onward: Vec<&Edge> = gone.iter().filter(|edge| edge.from == *id).collect();
    if let ([before], [after]) = (into.as_slice(), onward.as_slice())
        && before.from != after.to
        && after.when.is_none()
        && after.on.is_none()
        && !left
            .iter()
            .any(|edge| edge.from == before.from && edge.to == after.to)
    {
        left.push(Edge {
            to: after.to.clone(),
            ..(*before).clone()
        });
    }
    *edges = left;
}

/// Moves the step among those beside it: so many places down, or up when negative. It stays within them.
pub fn move_step(workflow: &mut Workflow, id: &StepId, places: i32) {
    let Some(holder) = holder_of(workflow, id) else {
        return;
    };
    let Some((steps, _)) = level_mut(workflow, holder.as_ref()) else {
        return;
    };
    let Some(from) = steps.iter().position(|step| step.id == *id) else {
        return;
    };
    let last = i64::try_from(steps.len()).unwrap_or(i64::MAX) - 1;
    let to = (i64::try_from(from).unwrap_or(last) + i64::from(places)).clamp(0, last);
    let step = steps.remove(from);
    steps.insert(usize::try_from(to).unwrap_or(0), step);
}

/// A second step like this one, connected with nothing. What it holds gets ids of its own, and what reads it in there
/// reads the copy.
pub fn duplicate_step(workflow: &mut Workflow, id: &StepId) -> Option<StepId> {
    let alone = Workflow {
        steps: vec![find(workflow, id)?.clone()],
        ..Workflow::default()
    };
    let mut taken = ids(workflow);
    let copied = rename_all(&alone, |id| {
        let free = free_among(&taken, id.as_str());
        taken.insert(free.as_str().to_owned());
        free
    });
    let copy = copied.steps.into_iter().next()?;
    let new = copy.id.clone();
    let holder = holder_of(workflow, id)?;
    let (steps, _) = level_mut(workflow, holder.as_ref())?;
    let position = steps.iter().position(|step| step.id == *id)?;
    steps.insert(position + 1, copy);
    Some(new)
}

/// A way from one step to another. From a condition the first leads on when it is true, the second otherwise.
pub fn connect(workflow: &mut Workflow, from: &StepId, to: &StepId) -> Result<(), CannotConnect> {
    let holder = can_connect(workflow, from, to)?;
    if let Some((steps, edges)) = level_mut(workflow, holder.as_ref()) {
        let way = new_way(steps, edges, from, to);
        edges.push(way);
    }
    Ok(())
}

/// Whether that way can be drawn, and then in which map or loop.
pub fn can_connect(
    workflow: &Workflow,
    from: &StepId,
    to: &StepId,
) -> Result<Option<StepId>, CannotConnect> {
    let (from, to) = (from.clone(), to.clone());
    if from == to {
        return Err(CannotConnect::Itself);
    }
    let holder =
        holder_of(workflow, &from).ok_or_else(|| CannotConnect::NoSuchStep(from.clone()))?;
    if holder_of(workflow, &to).ok_or_else(|| CannotConnect::NoSuchStep(to.clone()))? != holder {
        return Err(CannotConnect::Apart { from, to });
    }
    let edges = level(workflow, holder.as_ref()).map_or(&[][..], |(_, edges)| edges);
    if edges.iter().any(|edge| edge.from == from && edge.to == to) {
        return Err(CannotConnect::There { from, to });
    }
    if leads_to(edges, &to, &from) {
        return Err(CannotConnect::Circle { from, to });
    }
    Ok(holder)
}

/// The steps to which a way from this one can be drawn, in their order.
pub fn possible_ends<'a>(workflow: &'a Workflow, from: &StepId) -> Vec<&'a Step> {
    possible(workflow, from, |edge| (&edge.from, &edge.to))
}

/// The steps from which a way to this one can be drawn.
pub fn possible_beginnings<'a>(workflow: &'a Workflow, to: &StepId) -> Vec<&'a Step> {
    possible(workflow, to, |edge| (&edge.to, &edge.from))
}

/// What `can_connect` says of every step beside this one, in one go. `ends` are those of an edge: the one that is this
/// step, and the other one.
fn possible<'a>(
    workflow: &'a Workflow,
    id: &StepId,
    ends: fn(&Edge) -> (&StepId, &StepId),
) -> Vec<&'a Step> {
    let Some(holder) = holder_of(workflow, id) else {
        return Vec::new();
    };
    let Some((steps, edges)) = level(workflow, holder.as_ref()) else {
        return Vec::new();
    };
    let circle = reached(edges, id, |edge| {
        let (here, there) = ends(edge);
        (there, here)
    });
    let there: BTreeSet<&StepId> = edges
        .iter()
        .map(ends)
        .filter(|(here, _)| *here == id)
        .map(|(_, there)| there)
        .collect();
    let steps = steps.iter();
    steps
        .filter(|step| !circle.contains(&step.id) && !there.contains(&step.id))
        .collect()
}

fn leads_to(edges: &[Edge], from: &StepId, to: &StepId) -> bool {
    reached(edges, from, |edge| (&edge.from, &edge.to)).contains(to)
}

/// This step, and all that is reached from it in the direction that `ends` says.
fn reached<'a>(
    edges: &'a [Edge],
    from: &'a StepId,
    ends: impl Fn(&'a Edge) -> (&'a StepId, &'a StepId),
) -> BTreeSet<&'a StepId> {
    let mut onward: BTreeMap<&StepId, Vec<&StepId>> = BTreeMap::new();
    for (from, to) in edges.iter().map(ends) {
        onward.entry(from).or_default().push(to);
    }
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for to in onward.get(at).into_iter().flatten() {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    seen
}
