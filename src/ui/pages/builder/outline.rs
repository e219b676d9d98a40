//! The steps as a list, in their order and one inside the other: all that the picture shows and can do, for the keyboard
//! and for those who do not see it.

use leptos::ev::{DragEvent, KeyboardEvent};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use std::collections::BTreeMap;

use super::browser;
use super::carrying::{LINE, begin, holds, taken};
use super::editor::{EdgeAt, Editor, PANEL_TITLE, Selected};
use super::growing::growing;
use super::palette::Palette;
use super::words::{name_of, what_of};
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::engine::workflow::{Edge, Step, Workflow};

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Line {
    id: StepId,
    name: String,
    what: String,
    depth: usize,
    /// Where it leads: the other step's name, and the edge.
    onward: Vec<(String, EdgeAt)>,
    findings: usize,
    /// How many lines before it are of a step of the same id: a draft may hold two.
    before: usize,
}

#[component]
pub(super) fn OutlineView(editor: Editor) -> impl IntoView {
    let all = Memo::new(move |_| lines(editor));
    let seen = growing(all);
    let is_whole = move || {
        editor
            .selected
            .with(|selected| *selected == Selected::Workflow)
    };
    view! {
        <section class="builder-outline" aria-labelledby="outline-title">
            <h2 id="outline-title">"Steps"</h2>
            <button type="button" class="outline-workflow" aria-pressed=move || pressed(is_whole())
                on:click=move |_| editor.select(Selected::Workflow)>"The workflow itself"</button>
            <ol class="outline-list">
                <For each=seen key=Line::clone let(line)>{line_view(editor, line)}</For>
            </ol>
            <Palette editor />
        </section>
    }
}

fn pressed(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn lines(editor: Editor) -> Vec<Line> {
    let wrong = editor.checked.with(|checked| {
        let mut wrong: BTreeMap<StepId, usize> = BTreeMap::new();
        for step in checked
            .findings
            .iter()
            .filter_map(|finding| finding.step.as_ref())
        {
            *wrong.entry(step.clone()).or_default() += 1;
        }
        wrong
    });
    editor.document.with(|draft| lines_of(draft, &wrong))
}

fn lines_of(draft: &Workflow, wrong: &BTreeMap<StepId, usize>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut onward = onward(None, &draft.steps, &draft.edges);
    let top = draft.steps.iter().rev();
    let mut open: Vec<(usize, Option<&StepId>, &Step)> = top.map(|step| (0, None, step)).collect();
    while let Some((depth, holder, step)) = open.pop() {
        let before = seen.entry(step.id.as_str()).or_default();
        lines.push(Line {
            before: *before,
            id: step.id.clone(),
            name: name_of(step),
            what: what_of(step),
            depth,
            onward: onward
                .remove(&(holder.map(StepId::as_str), step.id.as_str()))
                .unwrap_or_default(),
            findings: wrong.get(&step.id).copied().unwrap_or(0),
        });
        *before += 1;
        if let Some(body) = &step.body {
            onward.extend(self::onward(Some(&step.id), &body.steps, &body.edges));
            let inside = body.steps.iter().rev();
            open.extend(inside.map(|inner| (depth + 1, Some(&step.id), inner)));
        }
    }
    lines
}

/// The ways that leave each step of one body, by the holder of that body and the step.
type Onward<'a> = BTreeMap<(Option<&'a str>, &'a str), Vec<(String, EdgeAt)>>;

fn onward<'a>(holder: Option<&'a StepId>, steps: &'a [Step], edges: &'a [Edge]) -> Onward<'a> {
    let names: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut onward = Onward::new();
    for (position, edge) in edges.iter().enumerate() {
        let name = names.get(edge.to.as_str());
        let name = name.map_or_else(|| edge.to.to_string(), |step| name_of(step));
        let at = EdgeAt {
            inside: holder.cloned(),
            position,
        };
        let from = (holder.map(StepId::as_str), edge.from.as_str());
        onward.entry(from).or_default().push((name, at));
    }
    onward
}

fn line_view(editor: Editor, line: Line) -> AnyView {
    let Line {
        id,
        name,
        what,
        depth,
        onward,
        findings,
        before: _,
    } = line;
    let here = Selected::Step(id.clone());
    let chosen = {
        let here = here.clone();
        Memo::new(move |_| editor.selected.with(|selected| *selected == here))
    };
    let keys = {
        let id = id.clone();
        move |event: KeyboardEvent| match event.key().as_str() {
            "ArrowUp" if event.alt_key() => shift(editor, &id, -1, &event),
            "ArrowDown" if event.alt_key() => shift(editor, &id, 1, &event),
            "Delete" => {
                event.prevent_default();
                let next = neighbour(editor, &id);
                remove(editor, &id);
                focus(next);
            }
            _ => {}
        }
    };
    let ways: Vec<_> = onward
        .into_iter()
        .map(|(to, at)| {
            let label = format!("Way from {name} to {to}");
            view! { <button type="button" class="outline-way" aria-label=label on:click=move |_| editor.select(Selected::Edge(at.clone()))>"→ " {to}</button> }
        })
        .collect();
    let carried = id.clone();
    let dropped = {
        let id = id.clone();
        move |event: DragEvent| {
            if let Some(moved) = taken(&event, LINE) {
                event.prevent_default();
                put_beside(editor, &moved.as_str().into(), &id);
            }
        }
    };
    let over = move |event: DragEvent| {
        if holds(&event, LINE) {
            event.prevent_default();
        }
    };
    let movers = {
        let (id, name) = (id.clone(), name.clone());
        move || chosen.get().then(|| movers(editor, &id, &name))
    };
    view! {
        <li class=format!("outline-line outline-depth-{}", depth.min(6)) class:outline-chosen=move || chosen.get() draggable="true"
            on:dragstart=move |event| begin(&event, LINE, carried.as_str()) on:dragover=over on:drop=dropped>
            <button type="button" class="outline-step" id=line_id(&id) aria-pressed=move || pressed(chosen.get()) on:keydown=keys on:click=move |_| editor.select(here.clone())>
                <span>{name}</span> <code class="muted">{what}</code>
                {(findings > 0).then(|| view! { <span class="outline-findings">{findings} <span class="visually-hidden">" to mend"</span></span> })}
            </button>
            {(!ways.is_empty()).then(|| view! { <span class="outline-ways">{ways}</span> })}
            {movers}
        </li>
    }
    .into_any()
}

/// For the one that is chosen: up and down among those beside it.
fn movers(editor: Editor, id: &StepId, name: &str) -> AnyView {
    let button = |label: String, text: &'static str, places: i32| {
        let id = id.clone();
        let go = move |_| move_by(editor, &id, places);
        view! { <button type="button" class="button button-small" aria-label=label on:click=go>{text}</button> }
    };
    view! {
        <span class="outline-movers">
            {button(format!("Move {name} up"), "↑", -1)}
            {button(format!("Move {name} down"), "↓", 1)}
            <span class="hint">"or Alt + ↑ ↓"</span>
            <button type="button" class="button button-small outline-form" on:click=move |_| browser::go_to(PANEL_TITLE)>"Its form ↓"</button>
        </span>
    }
    .into_any()
}

fn move_by(editor: Editor, id: &StepId, places: i32) {
    editor.change(None, |draft| edit::move_step(draft, id, places));
    let way = if places < 0 { "up" } else { "down" };
    editor.said.set(format!("{id} moved {way}."));
}

fn shift(editor: Editor, id: &StepId, places: i32, event: &KeyboardEvent) {
    event.prevent_default();
    move_by(editor, id, places);
    focus(Some(id.clone()));
}

/// Puts a step that was dragged where the other one is.
fn put_beside(editor: Editor, moved: &StepId, other: &StepId) {
    let places = editor
        .document
        .with_untracked(|draft| places_between(draft, moved, other));
    match places {
        Some(0) => {}
        Some(places) => move_by(editor, moved, places),
        None => editor
            .said
            .set("Not moved: a step stays in its map or loop.".to_owned()),
    }
}

/// How many places further down the other one is, where both are in the same body.
fn places_between(draft: &Workflow, moved: &StepId, other: &StepId) -> Option<i32> {
    let holder = edit::holder_of(draft, moved)?;
    let (steps, _) = edit::level(draft, holder.as_ref())?;
    let at = |id: &StepId| steps.iter().position(|step| step.id == *id);
    let (from, to) = (
        i32::try_from(at(moved)?).ok()?,
        i32::try_from(at(other)?).ok()?,
    );
    Some(to - from)
}

/// The step whose line is next to this one.
fn neighbour(editor: Editor, id: &StepId) -> Option<StepId> {
    let lines = editor
        .document
        .with_untracked(|draft| lines_of(draft, &BTreeMap::new()));
    let at = lines.iter().position(|line| line.id == *id)?;
    let next = lines.get(at + 1).or_else(|| lines.get(at.checked_sub(1)?));
    next.map(|line| line.id.clone())
}

/// Puts the focus on the step's line once it is drawn: a line that moves loses it.
fn focus(id: Option<StepId>) {
    let Some(id) = id else {
        return;
    };
    request_animation_frame(move || {
        let line = document().get_element_by_id(&line_id(&id));
        let line = line.and_then(|line| line.dyn_into::<leptos::web_sys::HtmlElement>().ok());
        if let Some(line) = line {
            // It is there, so it can have the focus.
            let _ = line.focus();
        }
    });
}

fn line_id(id: &StepId) -> String {
    format!("outline-{id}")
}

pub(super) fn remove(editor: Editor, id: &StepId) {
    editor.change(None, |draft| edit::remove_step(draft, id));
    editor
        .said
        .set(format!("{id} removed. Undo brings it back."));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft() -> Workflow {
        let noop = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "util.noop" });
        serde_json::from_value(json!({
            "name": "List",
            "steps": [
                noop("a"),
                { "id": "each", "kind": "map", "body": { "steps": [noop("b"), noop("a")], "edges": [{ "from": "b", "to": "a" }] } },
                noop("c"),
            ],
            "edges": [{ "from": "a", "to": "each" }, { "from": "each", "to": "c" }],
        }))
        .expect("a workflow")
    }

    #[test]
    fn each_step_has_a_line_with_the_ways_that_leave_it_in_its_own_body() {
        let lines = lines_of(&draft(), &BTreeMap::from([("b".into(), 2)]));
        let said: Vec<String> = lines
            .iter()
            .map(|line| {
                let ways: Vec<&str> = line.onward.iter().map(|(name, _)| name.as_str()).collect();
                format!(
                    "{} {} {} {:?} {}",
                    line.depth, line.id, line.before, ways, line.findings
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                "0 a 0 [\"Each\"] 0",
                "0 each 0 [\"C\"] 0",
                "1 b 0 [\"A\"] 2",
                "1 a 1 [] 0",
                "0 c 0 [] 0",
            ]
        );
    }

    #[test]
    fn a_step_is_dragged_within_its_body() {
        let draft = draft();
        let places =
            |moved: &str, other: &str| places_between(&draft, &moved.into(), &other.into());
        assert_eq!(places("c", "each"), Some(-1));
        assert_eq!(places("each", "c"), Some(1));
        assert_eq!(places("c", "b"), None);
        assert_eq!(places("nobody", "b"), None);
    }
}
