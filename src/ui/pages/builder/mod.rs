//! The builder: a workflow is written, as a picture and as a list, checked at every key that is pressed, kept as a draft,
//! and published. The compiler runs beside the page, in a worker (`crate::workbench`).

mod branches;
#[cfg(feature = "hydrate")]
mod browser;
#[cfg(not(feature = "hydrate"))]
#[path = "server.rs"]
mod browser;
mod calls;
mod carrying;
mod durations;
mod edges;
mod editor;
mod fields;
mod findings;
mod form;
mod gates;
mod growing;
mod header;
mod input_schema;
mod inputs;
mod limits;
mod offers;
mod outline;
mod palette;
mod picture;
mod policies;
mod publish;
mod rehearsal;
mod rounds;
mod rows;
mod steps;
mod study;
mod suggesting;
mod values;
mod ways;
mod words;
mod written;

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::param;
use crate::engine::edit;
use crate::engine::ids::StepId;
use crate::rpc::drafts::{BuilderView, builder};
use crate::ui::components::Failure;
use edges::EdgePanel;
use editor::{Editor, Selected};
use findings::FindingsView;
use header::WorkflowPanel;
use outline::OutlineView;
use picture::PictureView;
use publish::PublishBar;
use rehearsal::RehearsalDesk;
use steps::StepPanel;
use study::StudyDesk;

#[component]
pub fn BuilderPage() -> impl IntoView {
    let slug = param("slug");
    let query = use_query_map();
    // The address gets the draft's id while it is written; that is no other page.
    let draft = query.with_untracked(|query| query.get("draft"));
    let view = Resource::new(
        move || slug.get(),
        move |slug| builder(Some(slug).filter(|slug| !slug.is_empty()), draft.clone()),
    );
    view! {
        <Suspense fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => view! { <Builder view /> }.into_any(),
                    Err(error) => view! { <Title text="Builder" /><h1>"Builder"</h1><Failure error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// First as the server sends it, which can be read; then, in a browser that runs the client, to be written on.
#[component]
fn Builder(view: BuilderView) -> impl IntoView {
    let slug = view.slug.clone();
    let based_on = view.based_on;
    let editor = Editor::new(view);
    let alive = RwSignal::new(false);
    let study_of = StoredValue::new(slug.clone());
    let title = move || {
        let name = editor.document.with(|draft| draft.name.trim().to_owned());
        if name.is_empty() {
            "New workflow".to_owned()
        } else {
            name
        }
    };
    Effect::new({
        let slug = slug.clone();
        move || {
            browser::begin(editor, slug.clone());
            alive.set(true);
            // Wherever the focus is: what had it may have been removed.
            let keys =
                window_event_listener(leptos::ev::keydown, move |event| shortcuts(editor, &event));
            on_cleanup(move || keys.remove());
        }
    });
    view! {
        <Title text=title />
        <div class="builder">
            <header class="builder-head">
                <div>
                    <p class="crumb">{based_on.map(|version| format!("Draft, begun as version {version}")).unwrap_or_else(|| "Draft of a new workflow".to_owned())}</p>
                    <h1>{title}</h1>
                </div>
                {move || alive.get().then(|| view! { <PublishBar editor slug=slug.clone() /> })}
            </header>
            <div inert=move || editor.publishing.get()>
            {move || match (alive.get(), editor.stage.open.get(), study_of.get_value().filter(|_| editor.study.open.get())) {
                (false, _, _) => view! { <Still editor /> }.into_any(),
                (true, true, _) => view! { <RehearsalDesk editor /> }.into_any(),
                (true, false, Some(slug)) => view! { <StudyDesk editor slug /> }.into_any(),
                (true, false, None) => view! { <Desk editor /> }.into_any(),
            }}
            </div>
        </div>
        <p class="visually-hidden" role="status">{move || editor.said.get()}</p>
    }
}

/// Where it is written.
#[component]
fn Desk(editor: Editor) -> impl IntoView {
    // The form is made anew when another part is selected, or when this one becomes another kind of thing.
    let shape = Memo::new(move |_| {
        let selected = editor.selected.get();
        let kind = match &selected {
            Selected::Step(id) => editor.document.with(|draft| {
                let step = edit::find(draft, id)?;
                Some((step.kind, step.tool.clone()))
            }),
            Selected::Workflow | Selected::Edge(_) => None,
        };
        (selected, kind)
    });
    // A form that was made for one part never shows another: what was typed or chosen there would stay.
    let number = StoredValue::new(0u32);
    let parts = move || {
        let selected = shape.get().0;
        number.update_value(|number| *number += 1);
        (number.get_value(), selected)
    };
    let panel = move |selected: Selected| match selected {
        Selected::Workflow => view! { <WorkflowPanel editor /> }.into_any(),
        Selected::Step(id) => {
            view! { <StepActs editor id=id.clone() /><StepPanel editor id /> }.into_any()
        }
        Selected::Edge(at) => view! { <EdgePanel editor at /> }.into_any(),
    };
    let heading = move || match shape.get().0 {
        Selected::Workflow => "The workflow itself".to_owned(),
        Selected::Step(id) => editor.document.with(|draft| {
            edit::find(draft, &id)
                .map(words::heading)
                .unwrap_or_default()
        }),
        Selected::Edge(_) => "The way between two steps".to_owned(),
    };
    view! {
        <div class="builder-desk">
            <OutlineView editor />
            <PictureView editor />
            <section class="builder-panel" aria-labelledby=editor::PANEL_TITLE>
                <h2 id=editor::PANEL_TITLE tabindex="-1">{heading}</h2>
                <For each=move || [parts()] key=|(number, _)| *number let(part)>{panel(part.1)}</For>
            </section>
            <FindingsView editor />
        </div>
    }
}

/// What can be done with a step besides filling its form.
#[component]
fn StepActs(editor: Editor, id: StepId) -> impl IntoView {
    let (copied, gone) = (id.clone(), id);
    let copy = move |_| {
        if let Some(new) = editor.change(None, |draft| edit::duplicate_step(draft, &copied)) {
            editor.added(&new);
        }
    };
    view! {
        <div class="builder-acts">
            <button type="button" class="button button-small" on:click=copy>"Duplicate"</button>
            <button type="button" class="button button-small" on:click=move |_| outline::remove(editor, &gone)>"Remove"</button>
        </div>
    }
}

/// The draft as the server sends it.
#[component]
fn Still(editor: Editor) -> impl IntoView {
    let steps: Vec<_> = editor.document.with_untracked(|draft| {
        let steps = draft.steps.iter();
        steps
            .map(|step| view! { <li><span>{words::name_of(step)}</span> " " <code class="muted">{words::what_of(step)}</code></li> })
            .collect()
    });
    view! {
        <p class="notice">"Writing a workflow needs scripting. While it loads, or without it, these are the steps; a workflow can also be sent as YAML to " <code>"POST /api/v1/workflows"</code> "."</p>
        <ol class="plan">{steps}</ol>
    }
}

/// Into a text that is no part of the draft: there the keys are the browser's own.
fn is_typed_elsewhere(event: &KeyboardEvent) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| {
        target.matches("input, textarea, select").unwrap_or(false)
            && target.closest(".builder-desk").ok().flatten().is_none()
    })
}

fn shortcuts(editor: Editor, event: &KeyboardEvent) {
    if !(event.ctrl_key() || event.meta_key()) || is_typed_elsewhere(event) {
        return;
    }
    match (event.key().to_lowercase().as_str(), event.shift_key()) {
        ("z", false) => {
            event.prevent_default();
            editor.undo();
        }
        ("z", true) | ("y", _) => {
            event.prevent_default();
            editor.redo();
        }
        _ => {}
    }
}
