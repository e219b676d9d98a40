//! The ways of one step, in its form: what leads to it, in words, where it leads, and where it goes on after it failed or
//! was rejected.

use leptos::html;
use leptos::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::editor::{EdgeAt, Selected};
use super::fields::{FieldOf, Frame, Held};
use super::form::StepForm;
use super::growing::{growing, options};
use super::picture::connect;
use super::words::name_of;
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::workflow::{Edge, EdgeTrigger, JoinRule, Step, StepKind, Workflow};

/// A way that leads to a step or on from it, as its form lists it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Led {
    pub at: EdgeAt,
    /// Of the step at its other end.
    pub name: String,
    /// Under which condition.
    pub only: String,
}

/// Which ways of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leading {
    To,
    On,
}

/// What leads to the step, in words, and where it leads; ways from other steps to it, and from it to others.
pub(super) fn ways_around(form: &StepForm, kind: StepKind) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let list = |leading: Leading| {
        let id = id.clone();
        Memo::new(move |_| editor.document.with(|draft| led(draft, &id, leading)))
    };
    let (before, after) = (list(Leading::To), list(Leading::On));
    let rule = form.read(|step| step.rule.unwrap_or_default());
    let sentence = move || {
        let names = before.with(|led| led.iter().map(|led| led.name.clone()).collect::<Vec<_>>());
        in_words(kind, rule(), &names)
    };
    // A condition says itself where it leads.
    let after = (kind != StepKind::Condition).then(|| way_buttons(form, Leading::On, after));
    view! {
        <div class="ways-around">
            <h3>"Before and after"</h3>
            <p class="hint">{sentence}</p>
            {way_buttons(form, Leading::To, before)}
            {after}
            <div class="ways-add">{connecting_with(form, Leading::To)}</div>
            <div class="ways-add">{connecting_with(form, Leading::On)}</div>
        </div>
    }
    .into_any()
}

/// The ways, each to be opened.
pub(super) fn way_buttons(form: &StepForm, leading: Leading, led: Memo<Vec<Led>>) -> AnyView {
    let editor = form.editor;
    let buttons = move || {
        let ways = led.get().into_iter();
        ways.map(|Led { at, name, only }| {
            let (label, arrow) = match leading {
                Leading::To => (format!("Way from {name}{only}"), "← "),
                Leading::On => (format!("Way to {name}{only}"), "→ "),
            };
            view! { <button type="button" class="outline-way" aria-label=label on:click=move |_| editor.select(Selected::Edge(at.clone()))>{arrow} {name} {only}</button> }
        })
        .collect::<Vec<_>>()
    };
    view! { <div class="outline-ways">{buttons}</div> }.into_any()
}

fn connecting_with(form: &StepForm, leading: Leading) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let others = {
        let id = id.clone();
        Memo::new(move |_| {
            editor.document.with(|draft| {
                named(match leading {
                    Leading::To => edit::possible_beginnings(draft, &id),
                    Leading::On => edit::possible_ends(draft, &id),
                })
            })
        })
    };
    let [list, label, says] = match leading {
        Leading::To => ["comes-after", "Comes also after", "Connect from that step"],
        Leading::On => ["connect-to", "Leads on to", "Connect to that step"],
    };
    let add = move |other: StepId| match leading {
        Leading::To => connect(editor, &other, &id),
        Leading::On => connect(editor, &id, &other),
    };
    connecting(list, label, says, others, add)
}

/// A list of steps, and a button that connects with the one that is chosen. `says`: what the button does, for those who
/// do not see the list beside it.
fn connecting(
    id: &'static str,
    label: &'static str,
    says: &'static str,
    others: Memo<Vec<(String, String)>>,
    connect: impl Fn(StepId) + 'static,
) -> AnyView {
    let list = NodeRef::<html::Select>::new();
    let in_vain = RwSignal::new(false);
    // Asked when it is wanted: the browser chooses anew by itself when what was chosen goes.
    let add = move |_| {
        let Some(list) = list.get_untracked() else {
            return;
        };
        let other = list.value();
        in_vain.set(other.is_empty());
        if !other.is_empty() {
            list.set_value("");
            connect(other.as_str().into());
        }
    };
    view! {
        <label for=id>{label}</label>
        <select id=id node_ref=list on:change=move |_| in_vain.set(false)>
            <option value="">"Choose a step"</option>
            {options(others)}
        </select>
        <button type="button" class="button button-small" aria-label=says on:click=add>"Connect"</button>
        <span class="field-error" role="alert">{move || in_vain.get().then_some("Choose a step first.")}</span>
    }
    .into_any()
}

/// The ways that lead to the step, or on from it, in their order.
pub(super) fn led(draft: &Workflow, id: &StepId, leading: Leading) -> Vec<Led> {
    let Some(inside) = edit::holder_of(draft, id) else {
        return Vec::new();
    };
    let Some((steps, edges)) = edit::level(draft, inside.as_ref()) else {
        return Vec::new();
    };
    let mut beside: BTreeMap<&StepId, &Step> = BTreeMap::new();
    for step in steps {
        beside.entry(&step.id).or_insert(step);
    }
    type End = fn(&Edge) -> &StepId;
    let (own, other): (End, End) = match leading {
        Leading::To => (|edge| &edge.to, |edge| &edge.from),
        Leading::On => (|edge| &edge.from, |edge| &edge.to),
    };
    let of_it = edges.iter().enumerate().filter(|(_, edge)| own(edge) == id);
    of_it
        .map(|(position, edge)| Led {
            at: EdgeAt {
                inside: inside.clone(),
                position,
            },
            name: beside
                .get(other(edge))
                .map_or_else(|| other(edge).to_string(), |step| name_of(step)),
            only: condition(edge),
        })
        .collect()
}

/// Behind the name of a step at the other end of the way: when it is taken.
fn condition(edge: &Edge) -> String {
    match (edge.on, &edge.when, edge.default) {
        (Some(EdgeTrigger::Failed), _, _) => " when it fails".to_owned(),
        (Some(EdgeTrigger::Rejected), _, _) => " when rejected".to_owned(),
        (None, Some(when), _) => format!(" when {when}"),
        (None, None, true) => " otherwise".to_owned(),
        (None, None, false) => String::new(),
    }
}

/// When a step begins, said with the names of what leads to it.
fn in_words(kind: StepKind, rule: JoinRule, names: &[String]) -> String {
    let of = match names {
        [] => return "Nothing leads here: it begins with the run, or with the round.".to_owned(),
        [one] => {
            let end = if one.ends_with(['.', '!', '?']) {
                ""
            } else {
                "."
            };
            return format!("Begins after {one}{end}");
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    match (kind, rule) {
        (StepKind::Join, JoinRule::AllDone) => {
            format!("Begins when all of these have ended, however: {of}.")
        }
        (StepKind::Join, JoinRule::NoneFailedMinOneSuccess) => format!(
            "Begins when all of these have ended, none has failed, and one at least has succeeded: {of}."
        ),
        (StepKind::Join, JoinRule::OneSuccess) => {
            format!("Begins as soon as one of these has succeeded: {of}.")
        }
        (_, JoinRule::AllSuccess)
        | (_, JoinRule::AllDone | JoinRule::NoneFailedMinOneSuccess | JoinRule::OneSuccess) => {
            format!("Begins when all of these have succeeded: {of}.")
        }
    }
}

/// Where a step leads when it has failed, or a gate when it was rejected: one way of that kind, chosen by its end.
pub(super) fn way_after(form: &StepForm, on: EdgeTrigger, label: &str, none: &str) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let others = {
        let id = id.clone();
        Memo::new(move |_| {
            editor.document.with(|draft| {
                let inside = edit::holder_of(draft, &id).flatten();
                let possible = edit::possible_ends(draft, &id);
                offered(draft, inside.as_ref(), &possible, after(draft, &id, on))
            })
        })
    };
    let (shown, changed) = (id.clone(), id);
    let value = Held::new(
        move || {
            let draft = editor.document;
            draft.with(|draft| {
                after(draft, &shown, on)
                    .map(|to| to.to_string())
                    .unwrap_or_default()
            })
        },
        move |to: String| editor.change(None, |draft| lead_after(draft, &changed, on, &to)),
    );
    let hint = "Where a step is chosen, the run goes on there, and has not failed.";
    let of = form.field(&format!("after {}", trigger_word(Some(on))), label, hint);
    ways_field(of, none, others, value)
}

/// One of the steps, or none.
pub(super) fn ways_field(
    of: FieldOf,
    none: &str,
    others: Memo<Vec<(String, String)>>,
    value: Held<String>,
) -> AnyView {
    let current = value.memo();
    let frame = Frame::new(of);
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let shown = growing(others);
    // Each option knows whether it is the one: the list grows, and what is chosen may come late.
    let step = move |(id, name): (String, String)| {
        let of = id.clone();
        view! { <option value=id prop:selected=move || current.with(|chosen| *chosen == of)>{name}</option> }
    };
    let nothing = move || current.with(String::is_empty);
    let change = move |select: leptos::web_sys::HtmlSelectElement| {
        let wanted = select.value();
        value.set(wanted.clone());
        // Where no way can lead, it stays as it was, and shows so.
        let now = value.peek();
        if now != wanted {
            select.set_value(&now);
        }
    };
    let control = view! {
        <select id=id aria-describedby=hint aria-invalid=invalid on:change:target=move |event| change(event.target())>
            <option value="" prop:selected=nothing>{none.to_owned()}</option>
            <For each=shown key=|option| option.clone() children=step />
        </select>
    };
    frame.around(control.into_any())
}

fn after(draft: &Workflow, id: &StepId, on: EdgeTrigger) -> Option<StepId> {
    let inside = edit::holder_of(draft, id)?;
    let (_, edges) = edit::level(draft, inside.as_ref())?;
    let way = edges
        .iter()
        .find(|edge| edge.from == *id && edge.on == Some(on));
    way.map(|edge| edge.to.clone())
}

/// Changes where that way leads; draws it, or takes it away.
fn lead_after(draft: &mut Workflow, id: &StepId, on: EdgeTrigger, to: &str) {
    let Some(inside) = edit::holder_of(draft, id) else {
        return;
    };
    let Some((_, edges)) = edit::level_mut(draft, inside.as_ref()) else {
        return;
    };
    let way = edges
        .iter()
        .position(|edge| edge.from == *id && edge.on == Some(on));
    match (way, to) {
        (Some(way), "") => {
            edges.remove(way);
        }
        (Some(way), to) => edges[way].to = to.into(),
        (None, "") => {}
        (None, to) => edges.push(Edge {
            from: id.clone(),
            to: to.into(),
            on: Some(on),
            ..Edge::default()
        }),
    }
}

/// What a way may be led to: the possible steps and the one where it leads now, in the order of the place they are in. One
/// that is not there stands at the end, under its id.
pub(super) fn offered(
    draft: &Workflow,
    inside: Option<&StepId>,
    possible: &[&Step],
    current: Option<StepId>,
) -> Vec<(String, String)> {
    let possible: BTreeSet<&StepId> = possible.iter().map(|step| &step.id).collect();
    let steps = edit::level(draft, inside).map_or(&[][..], |(steps, _)| steps);
    let is_offered = |id: &StepId| possible.contains(id) || current.as_ref() == Some(id);
    let mut offered = named(steps.iter().filter(|step| is_offered(&step.id)).collect());
    if let Some(current) = &current
        && !offered.iter().any(|(id, _)| id == current.as_str())
    {
        offered.push((current.to_string(), current.to_string()));
    }
    offered
}

pub(super) fn named(steps: Vec<&Step>) -> Vec<(String, String)> {
    let steps = steps.into_iter();
    steps
        .map(|step| (step.id.to_string(), name_of(step)))
        .collect()
}

pub(super) fn trigger_word(on: Option<EdgeTrigger>) -> &'static str {
    match on {
        None => "",
        Some(EdgeTrigger::Failed) => "failed",
        Some(EdgeTrigger::Rejected) => "rejected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft() -> Workflow {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        serde_json::from_value(json!({
            "name": "Ways",
            "steps": [noop("a"), noop("b"), noop("c"), noop("d")],
            "edges": [{ "from": "a", "to": "b", "label": "on" }, { "from": "b", "to": "c" }],
        }))
        .expect("a workflow")
    }

    #[test]
    fn a_fallback_is_drawn_moved_and_taken_away() {
        let mut draft = draft();
        let (b, failed) = (StepId::new("b"), EdgeTrigger::Failed);
        for to in ["d", "c", ""] {
            lead_after(&mut draft, &b, failed, to);
            let found = after(&draft, &b, failed);
            assert_eq!(found.as_ref().map_or("", StepId::as_str), to);
        }
        assert_eq!(draft.edges.len(), 2, "the plain ways stay");
    }

    #[test]
    fn what_leads_to_a_step_is_named_and_what_is_not_there_by_its_id() {
        let mut draft = draft();
        draft.steps[0].name = Some("First".to_owned());
        draft.edges.push(Edge {
            from: "gone".into(),
            to: "b".into(),
            on: Some(EdgeTrigger::Failed),
            ..Edge::default()
        });
        let led = led(&draft, &"b".into(), Leading::To).into_iter();
        let said: Vec<String> = led
            .map(|led| format!("{} {}{}", led.at.position, led.name, led.only))
            .collect();
        assert_eq!(said, ["0 First", "2 gone when it fails"]);
        let on = super::led(&draft, &"b".into(), Leading::On);
        let on: Vec<&str> = on.iter().map(|led| led.name.as_str()).collect();
        assert_eq!(on, ["C"]);
    }

    #[test]
    fn the_steps_that_are_offered_keep_their_order_whichever_is_chosen() {
        let draft = draft();
        let a = StepId::new("a");
        let possible = edit::possible_ends(&draft, &a);
        let ids = |current: &str| -> Vec<String> {
            let offered = offered(&draft, None, &possible, Some(current.into()));
            offered.into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(ids("c"), ["c", "d"]);
        assert_eq!(ids("d"), ["c", "d"]);
        assert_eq!(ids("b"), ["b", "c", "d"], "where it leads now");
        assert_eq!(ids("gone"), ["c", "d", "gone"]);
    }

    #[test]
    fn when_a_step_begins_is_said_with_the_names_of_what_leads_to_it() {
        let names = ["A", "B", "C"].map(str::to_owned);
        for (kind, rule, names, expected) in [
            (
                StepKind::Join,
                JoinRule::AllDone,
                &names[..],
                "all of these have ended, however: A, B and C",
            ),
            (
                StepKind::Join,
                JoinRule::OneSuccess,
                &names[..2],
                "as soon as one of these has succeeded: A and B",
            ),
            (
                StepKind::ToolCall,
                JoinRule::AllSuccess,
                &names[..2],
                "all of these have succeeded: A and B",
            ),
            (
                StepKind::ToolCall,
                JoinRule::AllSuccess,
                &names[..1],
                "Begins after A",
            ),
            (
                StepKind::Join,
                JoinRule::AllDone,
                &[][..],
                "Nothing leads here",
            ),
        ] {
            let said = in_words(kind, rule, names);
            assert!(said.contains(expected), "{said}");
        }
    }
}
