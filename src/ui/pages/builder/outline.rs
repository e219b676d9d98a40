//! The steps as a list, in their order and one inside the other: all that the picture shows and can do, for the keyboard
//! and for those who do not see it. And what can be added.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

use super::editor::{EdgeAt, Editor, Selected};
use super::picture::{kind_name, name_of, what_of};
use crate::engine::edit::{self, Place};
use crate::engine::ids::StepId;
use crate::engine::workflow::{Step, StepKind, Workflow};

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Line {
    id: StepId,
    name: String,
    what: String,
    depth: usize,
    /// Where it leads: the other step's name, and the edge.
    onward: Vec<(String, Option<StepId>, usize)>,
    findings: usize,
    /// How many lines before it are of a step of the same id: a draft may hold two.
    before: usize,
}

#[component]
pub(super) fn OutlineView(editor: Editor) -> impl IntoView {
    view! {
        <section class="builder-outline" aria-labelledby="outline-title">
            <h2 id="outline-title">"Steps"</h2>
            <button type="button" class="outline-workflow" aria-pressed=move || pressed(editor.selected.with(|selected| *selected == Selected::Workflow))
                on:click=move |_| editor.select(Selected::Workflow)>"The workflow itself"</button>
            <ol class="outline-list">
                <For each=move || lines(editor) key=|line| line.clone() let(line)><LineView editor line /></For>
            </ol>
            <Palette editor />
        </section>
    }
}

fn pressed(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn lines(editor: Editor) -> Vec<Line> {
    let wrong: Vec<StepId> = editor.checked.with(|checked| {
        checked
            .findings
            .iter()
            .filter_map(|finding| finding.step.clone())
            .collect()
    });
    editor.document.with(|draft| {
        let mut lines = Vec::new();
        let mut open: Vec<(usize, Option<&StepId>, &Step)> = draft
            .steps
            .iter()
            .rev()
            .map(|step| (0, None, step))
            .collect();
        while let Some((depth, holder, step)) = open.pop() {
            let before = lines
                .iter()
                .filter(|line: &&Line| line.id == step.id)
                .count();
            lines.push(Line {
                before,
                id: step.id.clone(),
                name: name_of(step),
                what: what_of(step),
                depth,
                onward: onward(draft, holder, &step.id),
                findings: wrong.iter().filter(|id| **id == step.id).count(),
            });
            let inside = step.body.iter().flat_map(|body| body.steps.iter().rev());
            open.extend(inside.map(|inner| (depth + 1, Some(&step.id), inner)));
        }
        lines
    })
}

fn onward(
    draft: &Workflow,
    holder: Option<&StepId>,
    id: &StepId,
) -> Vec<(String, Option<StepId>, usize)> {
    let edges = edit::level(draft, holder).map_or(&[][..], |(_, edges)| edges);
    let from_here = edges
        .iter()
        .enumerate()
        .filter(|(_, edge)| edge.from == *id);
    from_here
        .map(|(position, edge)| {
            let name = edit::find(draft, &edge.to).map_or_else(|| edge.to.to_string(), name_of);
            (name, holder.cloned(), position)
        })
        .collect()
}

#[component]
fn LineView(editor: Editor, line: Line) -> impl IntoView {
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
        .map(|(to, inside, position)| {
            let at = EdgeAt { inside, position };
            let label = format!("Way from {name} to {to}");
            view! { <button type="button" class="outline-way" aria-label=label on:click=move |_| editor.select(Selected::Edge(at.clone()))>"→ " {to}</button> }
        })
        .collect();
    view! {
        <li class=format!("outline-line outline-depth-{}", depth.min(6)) class:outline-chosen=move || chosen.get()>
            <button type="button" class="outline-step" id=line_id(&id) aria-pressed=move || pressed(chosen.get()) on:keydown=keys on:click=move |_| editor.select(here.clone())>
                <span>{name}</span> <code class="muted">{what}</code>
                {(findings > 0).then(|| view! { <span class="outline-findings">{findings} <span class="visually-hidden">" to mend"</span></span> })}
            </button>
            {(!ways.is_empty()).then(|| view! { <span class="outline-ways">{ways}</span> })}
        </li>
    }
}

fn shift(editor: Editor, id: &StepId, places: i32, event: &KeyboardEvent) {
    event.prevent_default();
    editor.change(None, |draft| edit::move_step(draft, id, places));
    focus(Some(id.clone()));
    editor.said.set(format!(
        "{id} moved {}.",
        if places < 0 { "up" } else { "down" }
    ));
}

/// The step whose line is next to this one.
fn neighbour(editor: Editor, id: &StepId) -> Option<StepId> {
    let lines = lines(editor);
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

/// What can be added, and where it goes.
#[component]
fn Palette(editor: Editor) -> impl IntoView {
    let kinds = [
        (StepKind::HumanGate, "A question to a person"),
        (StepKind::Condition, "A condition"),
        (StepKind::Parallel, "Several at once"),
        (StepKind::Join, "Come together"),
        (StepKind::Transform, "New values"),
        (StepKind::Map, "For each item"),
        (StepKind::Loop, "Again and again"),
        (StepKind::Wait, "Wait"),
        (StepKind::Subworkflow, "Another workflow"),
        (StepKind::External, "Somebody outside"),
    ];
    let tools: Vec<_> = editor.catalogue.with_value(|catalogue| {
        let tools = catalogue.iter();
        tools
            .map(|spec| {
                let name = spec.name.clone();
                view! { <option value=format!("tool:{name}")>{name.clone()}</option> }
            })
            .collect()
    });
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(kind, text)| view! { <option value=kind.as_str()>{text}</option> })
        .collect();
    let wanted = RwSignal::new("tool:http.request".to_owned());
    let add = move |beside: bool| {
        let step = match wanted.get_untracked().split_once(':') {
            Some((_, tool)) => edit::new_step(StepKind::ToolCall, Some(tool)),
            None => edit::new_step(kind_of(&wanted.get_untracked()), None),
        };
        let place = match editor.selected.get_untracked() {
            Selected::Step(id) if beside => Place::Beside(id),
            Selected::Step(id) => Place::After(id),
            Selected::Workflow | Selected::Edge(_) => Place::Loose(None),
        };
        put(editor, step, &place);
    };
    let holds = Memo::new(move |_| match editor.selected.get() {
        Selected::Step(id) => editor.document.with(|draft| {
            edit::find(draft, &id)
                .filter(|step| matches!(step.kind, StepKind::Map | StepKind::Loop))
                .map(|step| step.id.clone())
        }),
        Selected::Workflow | Selected::Edge(_) => None,
    });
    let inside = move |_| {
        if let Some(holder) = holds.get_untracked() {
            let step = match wanted.get_untracked().split_once(':') {
                Some((_, tool)) => edit::new_step(StepKind::ToolCall, Some(tool)),
                None => edit::new_step(kind_of(&wanted.get_untracked()), None),
            };
            put(editor, step, &Place::Loose(Some(holder)));
        }
    };
    let on_step = Memo::new(move |_| {
        editor
            .selected
            .with(|selected| matches!(selected, Selected::Step(_)))
    });
    view! {
        <div class="palette">
            <label for="palette-what">"Add a step"</label>
            <select id="palette-what" on:change:target=move |event| wanted.set(event.target().value())>
                <optgroup label="Tools">{tools}</optgroup>
                <optgroup label="Ways and people">{kinds}</optgroup>
            </select>
            <div class="palette-acts">
                <button type="button" class="button button-small button-primary" on:click=move |_| add(false)>{move || if on_step.get() { "Add after" } else { "Add" }}</button>
                {move || on_step.get().then(|| view! { <button type="button" class="button button-small" on:click=move |_| add(true)>"Add beside what follows"</button> })}
                {move || holds.get().map(|_| view! { <button type="button" class="button button-small" on:click=inside>"Add inside"</button> })}
            </div>
        </div>
    }
}

fn put(editor: Editor, step: Step, place: &Place) {
    let id = editor.change(None, |draft| edit::add_step(draft, step, place));
    editor.select(Selected::Step(id.clone()));
    editor.said.set(format!("{id} added."));
}

fn kind_of(word: &str) -> StepKind {
    const KINDS: [StepKind; 11] = [
        StepKind::ToolCall,
        StepKind::HumanGate,
        StepKind::Condition,
        StepKind::Parallel,
        StepKind::Join,
        StepKind::Transform,
        StepKind::Map,
        StepKind::Loop,
        StepKind::Wait,
        StepKind::Subworkflow,
        StepKind::External,
    ];
    let found = KINDS.iter().find(|kind| kind.as_str() == word);
    found.copied().unwrap_or_default()
}

/// The kind in words, for headings.
pub(super) fn heading(step: &Step) -> String {
    format!("{} · {}", name_of(step), kind_name(step.kind))
}
