//! What a person does to a workflow while writing it: add, remove, order, connect. Total: a draft may be broken in every
//! way that still parses, and each of these leaves it no worse. Whoever keeps drafts keeps the one before, for *undo*.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

use super::ids::StepId;
use super::workflow::{Body, Edge, JoinRule, Step, StepKind, Workflow};

/// Where a new step goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind all others of the workflow or of this map or loop, connected with nothing.
    Loose(Option<StepId>),
    /// Behind this step. What led on from it without a condition leads on from the new one.
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

/// The map or loop that holds the step: `Some(None)` for a step of the workflow itself, `None` when there is none.
pub fn holder_of(workflow: &Workflow, id: &StepId) -> Option<Option<StepId>> {
    let mut open: Vec<(Option<&StepId>, &Step)> =
        workflow.steps.iter().map(|step| (None, step)).collect();
    while let Some((holder, step)) = open.pop() {
        if step.id == *id {
            return Some(holder.cloned());
        }
        let inside = step.body.iter().flat_map(|body| &body.steps);
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

/// An id that no step has: the word itself, or with the first free number behind it.
pub fn free_id(workflow: &Workflow, word: &str) -> StepId {
    let mut taken = BTreeSet::new();
    let mut open: Vec<&Step> = workflow.steps.iter().collect();
    while let Some(step) = open.pop() {
        taken.insert(step.id.as_str());
        open.extend(step.body.iter().flat_map(|body| &body.steps));
    }
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
    steps.insert(before + 1, step);
    if let Place::After(_) = place {
        for edge in edges.iter_mut().filter(|edge| edge.from == from) {
            if edge.when.is_none() && !edge.default && edge.on.is_none() {
                edge.from = id.clone();
            }
        }
    }
    edges.push(Edge {
        from,
        to: id.clone(),
        ..Edge::default()
    });
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

/// A second step like this one, connected with nothing. What it holds gets ids of its own.
pub fn duplicate_step(workflow: &mut Workflow, id: &StepId) -> Option<StepId> {
    let copy = find(workflow, id)?.clone();
    let holder = holder_of(workflow, id)?;
    let position = level(workflow, holder.as_ref())?
        .0
        .iter()
        .position(|step| step.id == *id)?;
    // Each id is free only once the one before is taken.
    let place = Place::Loose(holder.clone());
    let emptied = Step {
        body: copy.body.as_ref().map(|_| Body::default()),
        ..copy.clone()
    };
    let new = add_step(workflow, emptied, &place);
    if let Some(body) = &copy.body {
        fill_body(workflow, &new, body);
    }
    let (steps, _) = level_mut(workflow, holder.as_ref())?;
    let step = steps.pop()?;
    steps.insert(position + 1, step);
    Some(new)
}

/// Copies what a body holds into the empty body of that step, level by level.
fn fill_body(workflow: &mut Workflow, holder: &StepId, body: &Body) {
    let mut open = vec![(holder.clone(), body)];
    while let Some((holder, body)) = open.pop() {
        let mut named = Vec::new();
        for step in &body.steps {
            let emptied = Step {
                body: step.body.as_ref().map(|_| Body::default()),
                ..step.clone()
            };
            let id = add_step(workflow, emptied, &Place::Loose(Some(holder.clone())));
            open.extend(step.body.iter().map(|inner| (id.clone(), inner)));
            named.push((step.id.clone(), id));
        }
        let new_name = |old: &StepId| {
            let found = named.iter().find(|(was, _)| was == old);
            found.map_or_else(|| old.clone(), |(_, is)| is.clone())
        };
        if let Some((_, edges)) = level_mut(workflow, Some(&holder)) {
            edges.extend(body.edges.iter().map(|edge| Edge {
                from: new_name(&edge.from),
                to: new_name(&edge.to),
                ..edge.clone()
            }));
        }
    }
}

/// A way from one step to another.
pub fn connect(workflow: &mut Workflow, from: &StepId, to: &StepId) -> Result<(), CannotConnect> {
    let holder = can_connect(workflow, from, to)?;
    if let Some((_, edges)) = level_mut(workflow, holder.as_ref()) {
        edges.push(Edge {
            from: from.clone(),
            to: to.clone(),
            ..Edge::default()
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn workflow(document: Value) -> Workflow {
        serde_json::from_value(document).expect("a workflow")
    }

    fn noop(id: &str) -> Value {
        json!({ "id": id, "kind": "tool_call", "tool": "util.noop" })
    }

    fn chain() -> Workflow {
        workflow(json!({
            "name": "Chain",
            "steps": [noop("a"), noop("b"), noop("c")],
            "edges": [{ "from": "a", "to": "b" }, { "from": "b", "to": "c" }],
        }))
    }

    fn ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.id.as_str()).collect()
    }

    fn ways(edges: &[Edge]) -> Vec<String> {
        let mut ways: Vec<String> = edges
            .iter()
            .map(|edge| format!("{}>{}", edge.from, edge.to))
            .collect();
        ways.sort();
        ways
    }

    fn tool(name: &str) -> Step {
        new_step(StepKind::ToolCall, Some(name))
    }

    #[test]
    fn a_step_is_put_into_a_chain_or_beside_what_follows() {
        let mut draft = chain();
        let id = add_step(&mut draft, tool("http.request"), &Place::After("a".into()));
        assert_eq!(id.as_str(), "http_request");
        assert_eq!(ids(&draft.steps), ["a", "http_request", "b", "c"]);
        assert_eq!(
            ways(&draft.edges),
            ["a>http_request", "b>c", "http_request>b"]
        );
        let id = add_step(&mut draft, tool("http.request"), &Place::Beside("b".into()));
        assert_eq!(id.as_str(), "http_request_2");
        assert!(ways(&draft.edges).contains(&"b>http_request_2".to_owned()));
        assert!(ways(&draft.edges).contains(&"b>c".to_owned()));
        add_step(
            &mut draft,
            tool("probe.dns"),
            &Place::After("nobody".into()),
        );
        assert_eq!(
            draft.steps.last().map(|step| step.id.as_str()),
            Some("probe_dns")
        );
    }

    #[test]
    fn ways_with_a_condition_stay_where_they_are() {
        let mut draft = chain();
        draft.edges[0].when = Some("true".to_owned());
        add_step(&mut draft, tool("x"), &Place::After("a".into()));
        assert_eq!(ways(&draft.edges), ["a>b", "a>x", "b>c"]);
    }

    #[test]
    fn steps_go_into_maps_and_out_again() {
        let mut draft = chain();
        let each = add_step(
            &mut draft,
            new_step(StepKind::Map, None),
            &Place::Loose(None),
        );
        let inside = Place::Loose(Some(each.clone()));
        let first = add_step(&mut draft, tool("x"), &inside);
        let second = add_step(&mut draft, tool("x"), &Place::After(first.clone()));
        assert_eq!(holder_of(&draft, &second), Some(Some(each.clone())));
        let (steps, edges) = level(&draft, Some(&each)).expect("a body");
        assert_eq!(
            (ids(steps), ways(edges)),
            (vec!["x", "x_2"], vec!["x>x_2".to_owned()])
        );
        let copy = duplicate_step(&mut draft, &each).expect("it is there");
        let (steps, edges) = level(&draft, Some(&copy)).expect("a body");
        assert_eq!(
            (ids(steps), ways(edges)),
            (vec!["x_3", "x_4"], vec!["x_3>x_4".to_owned()])
        );
        assert_eq!(ids(&draft.steps), ["a", "b", "c", "each", "each_2"]);
        remove_step(&mut draft, &each);
        assert_eq!(find(&draft, &first), None);
        // Into a step that holds nothing, it goes beside it.
        let loose = add_step(&mut draft, tool("y"), &Place::Loose(Some("a".into())));
        assert_eq!(holder_of(&draft, &loose), Some(None));
    }

    #[test]
    fn what_led_through_a_removed_step_leads_past_it() {
        let mut draft = chain();
        draft.edges[0].label = Some("well".to_owned());
        remove_step(&mut draft, &"b".into());
        assert_eq!(ways(&draft.edges), ["a>c"]);
        assert_eq!(draft.edges[0].label.as_deref(), Some("well"));
        remove_step(&mut draft, &"nobody".into());
        remove_step(&mut draft, &"a".into());
        assert_eq!((ids(&draft.steps), draft.edges.len()), (vec!["c"], 0));
    }

    #[test]
    fn of_two_steps_of_one_name_one_is_removed() {
        let mut draft = chain();
        draft.steps[2].id = "b".into();
        remove_step(&mut draft, &"b".into());
        assert_eq!((ids(&draft.steps), draft.edges.len()), (vec!["a", "b"], 2));
    }

    #[test]
    fn steps_are_ordered_within_their_place() {
        let mut draft = chain();
        move_step(&mut draft, &"c".into(), -1);
        assert_eq!(ids(&draft.steps), ["a", "c", "b"]);
        move_step(&mut draft, &"c".into(), -9);
        move_step(&mut draft, &"a".into(), i32::MAX);
        assert_eq!(ids(&draft.steps), ["c", "b", "a"]);
    }

    #[test]
    fn only_ways_that_can_be_gone_are_drawn() {
        let mut draft = chain();
        let each = add_step(
            &mut draft,
            new_step(StepKind::Map, None),
            &Place::Loose(None),
        );
        let inner = add_step(&mut draft, tool("x"), &Place::Loose(Some(each)));
        let mut to = |from: &str, to: &str| connect(&mut draft, &from.into(), &to.into());
        assert_eq!(to("a", "c"), Ok(()));
        assert!(matches!(to("a", "b"), Err(CannotConnect::There { .. })));
        assert!(matches!(to("c", "a"), Err(CannotConnect::Circle { .. })));
        assert_eq!(to("a", "a"), Err(CannotConnect::Itself));
        assert!(matches!(to("a", "z"), Err(CannotConnect::NoSuchStep(_))));
        assert!(matches!(
            to("a", inner.as_str()),
            Err(CannotConnect::Apart { .. })
        ));
    }

    #[test]
    fn ids_are_made_of_words() {
        let draft = chain();
        for (words, id) in [
            ("Ask the boss!", "ask_the_boss"),
            ("a", "a_2"),
            ("7 up", "up"),
            ("…", "step"),
            ("Größe", "gr_e"),
        ] {
            assert_eq!(free_id(&draft, words).as_str(), id, "{words}");
        }
    }

    #[test]
    fn the_possible_ends_are_those_that_can_be_connected() {
        let mut draft = chain();
        draft.steps.push(tool("util.noop"));
        draft.steps[3].id = "free".into();
        draft.steps.push(new_step(StepKind::Map, None));
        for step in draft.steps.clone() {
            let id = &step.id;
            let of = |steps: Vec<&Step>| -> Vec<StepId> {
                steps.into_iter().map(|step| step.id.clone()).collect()
            };
            let can = |from: &StepId, to: &StepId| can_connect(&draft, from, to).is_ok();
            let all = || draft.steps.iter().map(|step| step.id.clone());
            let ends: Vec<StepId> = all().filter(|to| can(id, to)).collect();
            let beginnings: Vec<StepId> = all().filter(|from| can(from, id)).collect();
            assert_eq!(of(possible_ends(&draft, id)), ends, "{id}");
            assert_eq!(of(possible_beginnings(&draft, id)), beginnings, "{id}");
        }
        assert!(possible_ends(&draft, &"nobody".into()).is_empty());
    }
}
